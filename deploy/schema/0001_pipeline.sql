-- The system of record. Forward-only; each file is one transaction of `sangkien up`.
-- Rules that keep it ready for a distributed PostgreSQL (services/README.md): ids made by the services, no sequences,
-- triggers or LISTEN on the hot path, foreign keys only to reference tables, the distribution key in every key of a
-- large table: submission, decision, signature by submission; participation by person; unit_total by unit.

-- Reference tables ---------------------------------------------------------------------------------------------------
CREATE TABLE campaign (
	id         smallint PRIMARY KEY,
	code       text NOT NULL UNIQUE,
	source     text NOT NULL,           -- the file as applied (YAML), with all its versions; read by common/domain/campaign
	sha256     bytea NOT NULL,
	applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE campaign_history (           -- what was applied when; append-only
	campaign_id smallint NOT NULL REFERENCES campaign,
	applied_at  timestamptz NOT NULL DEFAULT now(),
	source      text NOT NULL,
	sha256      bytea NOT NULL,
	PRIMARY KEY (campaign_id, applied_at)
);
CREATE TABLE unit (
	campaign_id         smallint NOT NULL REFERENCES campaign,
	id                  integer NOT NULL CHECK (id > 0), -- 1 is the root
	code                text NOT NULL,
	name                text NOT NULL,
	level               smallint NOT NULL,
	parent_id           integer NOT NULL,                -- 0: the root
	block               smallint NOT NULL DEFAULT 0,
	accepts_submissions boolean NOT NULL,
	PRIMARY KEY (campaign_id, id),
	UNIQUE (campaign_id, code)
);
CREATE TABLE quota_target (                -- R19; phase 0 is the whole campaign
	campaign_id smallint NOT NULL REFERENCES campaign,
	unit_id     integer NOT NULL,
	phase       smallint NOT NULL,
	counts      smallint NOT NULL DEFAULT 1,  -- 1 initiatives, 2 people
	target      bigint NOT NULL CHECK (target >= 0),
	PRIMARY KEY (campaign_id, unit_id, phase)
);
CREATE TABLE reference_version (           -- one row; raised with every change of the tables above
	one     boolean PRIMARY KEY DEFAULT true CHECK (one),
	version bigint NOT NULL
);
INSERT INTO reference_version VALUES (true, 1);
CREATE TABLE token (
	id          uuid PRIMARY KEY,
	secret_hash bytea NOT NULL UNIQUE,     -- BLAKE2b-256 of the secret; the secret is shown once
	role        text NOT NULL CHECK (role IN ('officer', 'reviewer', 'operator')),
	campaign_id smallint REFERENCES campaign, -- NULL: all
	unit_id     integer,                   -- the subtree; NULL: all
	label       text NOT NULL DEFAULT '',
	created_at  timestamptz NOT NULL DEFAULT now(),
	expires_at  timestamptz NOT NULL,
	revoked_at  timestamptz
);

CREATE TABLE token_version (               -- one row; raised with every change of `token`, so that it is read anew only then
	one     boolean PRIMARY KEY DEFAULT true CHECK (one),
	version bigint NOT NULL
);
INSERT INTO token_version VALUES (true, 1);

-- Submissions: written once by intake, never updated ------------------------------------------------------------------
CREATE TABLE submission (
	id             uuid PRIMARY KEY,         -- 40 bits of time, 88 random; also the tracking code
	campaign_id    smallint NOT NULL,
	unit_id        integer NOT NULL,
	received_at    timestamptz NOT NULL,     -- law 6
	person         bytea NOT NULL,           -- keyed hash, 16 bytes
	sealed         bytea NOT NULL,           -- name, phone, national id: crypto_box, key with notification and export alone
	block          smallint NOT NULL,
	category       text,
	kind           text,
	title          text,
	description    text NOT NULL,
	applied_on     date,
	recognized_on  date,
	recognized_by  text,
	benefit_vnd    bigint,
	benefit_social text,
	evidence_url   text,
	ip_protected   boolean,
	authors        smallint NOT NULL DEFAULT 1,
	lead_author    boolean NOT NULL DEFAULT true,
	accepted_on    date,
	has_national_id boolean NOT NULL,
	attachments    uuid[],
	entered_by     uuid,                     -- token of the officer (R3), NULL: the public path
	trace_parent   text
);
CREATE TABLE idempotency_key (
	campaign_id   smallint NOT NULL,
	key           text NOT NULL,
	fields_digest bytea NOT NULL,            -- keyed hash of the parsed fields
	submission_id uuid NOT NULL,
	received_at   timestamptz NOT NULL,
	PRIMARY KEY (campaign_id, key)
);

-- Decisions: quota alone writes them (law 2) --------------------------------------------------------------------------
CREATE TABLE decision (
	submission_id uuid NOT NULL,
	revision      integer NOT NULL CHECK (revision >= 1),
	campaign_id   smallint NOT NULL,
	unit_id       integer NOT NULL,
	status        smallint NOT NULL CHECK (status BETWEEN 1 AND 5),
	phase         smallint NOT NULL,         -- 0: in none
	rules_version integer NOT NULL,
	reasons       text NOT NULL DEFAULT '',  -- "code field;code field"
	duplicate_of  uuid,
	score         real,
	decided_by    smallint NOT NULL DEFAULT 0,
	decided_at    timestamptz NOT NULL,
	-- A row lock asks for the right to change something. This is what quota may change: to NULL, from NULL.
	fence         boolean CHECK (fence IS NULL),
	PRIMARY KEY (submission_id, revision)
);
CREATE INDEX decision_duplicate_of ON decision (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE TABLE signature (                   -- texts that stand in the index; it is rebuilt from here
	submission_id uuid PRIMARY KEY,
	campaign_id   smallint NOT NULL,
	scope         integer NOT NULL,         -- that bounds near copies
	exact_scope   integer NOT NULL,         -- that bounds exact ones: of this text's place in exact_text
	received_at   timestamptz NOT NULL,
	digest        bytea NOT NULL,
	sketch        bytea NOT NULL,
	snapshot      integer NOT NULL
);
CREATE TABLE exact_text (                  -- law 3: the one copy of a text that counts, within its scope
	campaign_id   smallint NOT NULL,
	scope         integer NOT NULL,
	digest        bytea NOT NULL,
	submission_id uuid NOT NULL,
	received_at   timestamptz NOT NULL,
	PRIMARY KEY (campaign_id, scope, digest)
);
CREATE TABLE person (                      -- locked in key order while its participation changes
	campaign_id smallint NOT NULL,
	person      bytea NOT NULL,
	PRIMARY KEY (campaign_id, person)
);
CREATE TABLE participation (
	campaign_id smallint NOT NULL,
	person      bytea NOT NULL,
	unit_id     integer NOT NULL,            -- the unit of the submission
	phase       smallint NOT NULL,           -- of the submission; 0: in none
	counted     integer NOT NULL CHECK (counted >= 0),
	PRIMARY KEY (campaign_id, person, unit_id, phase)
);
-- Every unit and all its ancestors; phase 0 is the whole campaign. Upserts bring differences, which may be negative, so
-- the constraint is the one that holds for differences and totals alike: conservation (law 4).
CREATE TABLE unit_total (
	campaign_id  smallint NOT NULL,
	unit_id      integer NOT NULL,
	phase        smallint NOT NULL,
	entered      bigint NOT NULL DEFAULT 0,
	under_review bigint NOT NULL DEFAULT 0,
	counted      bigint NOT NULL DEFAULT 0,
	rejected     bigint NOT NULL DEFAULT 0,
	duplicate    bigint NOT NULL DEFAULT 0,
	revoked      bigint NOT NULL DEFAULT 0,
	people       bigint NOT NULL DEFAULT 0,
	awarded      bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (campaign_id, unit_id, phase),
	CHECK (entered = under_review + counted + rejected + duplicate + revoked)
);
CREATE TABLE board (                       -- law 5: locked last in quota's transaction, so no total can bear its version
	campaign_id smallint PRIMARY KEY,
	version     bigint NOT NULL DEFAULT 0,
	moved_at    timestamptz NOT NULL DEFAULT now()
);

-- Roles, fencing, poison, notices ---------------------------------------------------------------------------------------
CREATE TABLE index_shard (
	shard integer PRIMARY KEY,
	epoch bigint NOT NULL,
	owner text NOT NULL DEFAULT ''
);
CREATE TABLE frequency_snapshot (          -- document frequencies, numbered and immutable (services/deduplication)
	number      integer PRIMARY KEY,
	documents   bigint NOT NULL,
	counters    bytea NOT NULL,
	made_at     timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE role_lease (                  -- elected roles: 'sweeper'
	role       text PRIMARY KEY,
	epoch      bigint NOT NULL,
	holder     uuid NOT NULL,
	expires_at timestamptz NOT NULL
);
CREATE TABLE quarantine (                  -- law 9
	submission_id uuid NOT NULL,
	stage         text NOT NULL,
	reason        text NOT NULL,
	at            timestamptz NOT NULL DEFAULT now(),
	attempts      integer NOT NULL DEFAULT 1,
	released_at   timestamptz,
	PRIMARY KEY (submission_id, stage)
);
CREATE TABLE outbox (
	id            uuid PRIMARY KEY,
	campaign_id   smallint NOT NULL,
	submission_id uuid,
	event         text NOT NULL,             -- 'verdict'
	channel       text NOT NULL,             -- 'smtp'
	event_key     text NOT NULL UNIQUE,      -- one notice an event for ever
	state         smallint NOT NULL DEFAULT 0, -- 0 due, 1 sent, 2 dead
	attempts      integer NOT NULL DEFAULT 0,
	next_at       timestamptz NOT NULL DEFAULT now(),
	last_error    text,
	created_at    timestamptz NOT NULL DEFAULT now(),
	sent_at       timestamptz
);
CREATE INDEX outbox_due ON outbox (next_at) WHERE state = 0;

-- One login a service, with only the verbs it needs ----------------------------------------------------------------------
GRANT SELECT ON campaign, unit, quota_target, reference_version TO sk_intake, sk_validation, sk_deduplication, sk_quota, sk_notification, sk_leaderboard;
GRANT SELECT ON token, token_version TO sk_intake, sk_leaderboard;
GRANT INSERT, SELECT ON submission, idempotency_key TO sk_intake;
-- A repeat that waits for its verdict (Prefer: wait) is told the one it has.
GRANT SELECT (submission_id, revision, status, phase, reasons, score, decided_at) ON decision TO sk_intake;
GRANT SELECT, INSERT, UPDATE ON role_lease TO sk_intake;
GRANT SELECT, INSERT ON quarantine TO sk_intake, sk_validation, sk_deduplication, sk_quota;
GRANT UPDATE (attempts, reason, at, released_at) ON quarantine TO sk_intake, sk_validation, sk_deduplication, sk_quota;
GRANT SELECT (id, campaign_id, unit_id, received_at, person, description) ON submission TO sk_deduplication;
GRANT SELECT ON decision, signature, frequency_snapshot, index_shard TO sk_deduplication;
GRANT INSERT, UPDATE ON index_shard TO sk_deduplication;
GRANT INSERT ON frequency_snapshot TO sk_deduplication;
GRANT SELECT (id, campaign_id, unit_id, received_at, person, applied_on) ON submission TO sk_quota;
GRANT SELECT, INSERT ON decision, signature, outbox TO sk_quota;
GRANT UPDATE (fence) ON decision TO sk_quota; -- to lock the revision it adds a successor to, and nothing else
GRANT SELECT, INSERT, UPDATE, DELETE ON exact_text, participation TO sk_quota;
GRANT SELECT, INSERT, UPDATE ON person, unit_total, board TO sk_quota;
-- FOR SHARE asks for a right to change; `owner` is nobody's fence.
GRANT SELECT ON index_shard TO sk_quota;
GRANT UPDATE (owner) ON index_shard TO sk_quota;
GRANT SELECT, UPDATE ON outbox TO sk_notification;
GRANT SELECT (id, campaign_id, unit_id, received_at, sealed) ON submission TO sk_notification;
GRANT SELECT ON decision TO sk_notification;
GRANT SELECT (id, campaign_id, unit_id, received_at) ON submission TO sk_leaderboard;
GRANT SELECT ON decision, unit_total, board TO sk_leaderboard;
