-- What persons decided, for ever: one row an act, each bound to the one before it by a hash (common/domain/audit_chain).
-- Not on the hot path: machines' verdicts are not in it.
CREATE TABLE audit_log (
	number        bigint PRIMARY KEY CHECK (number > 0), -- 1, 2, … without a gap
	at            timestamptz NOT NULL,     -- of the decision
	token_id      uuid NOT NULL,            -- who
	act           text NOT NULL,            -- count, reject, revoke; consequence: what followed from it for another
	campaign_id   smallint NOT NULL,
	submission_id uuid NOT NULL,
	revision      integer NOT NULL,         -- of the decision it made
	status_from   smallint NOT NULL,
	status_to     smallint NOT NULL,
	reason        text NOT NULL,
	previous      bytea NOT NULL,           -- hash of the row before; of the first: zeros
	hash          bytea NOT NULL
);
CREATE INDEX audit_log_submission ON audit_log (submission_id);
CREATE TABLE audit_head (                  -- one row: where the log ends, so that a cut is seen; locked last
	one    boolean PRIMARY KEY DEFAULT true CHECK (one),
	number bigint NOT NULL,
	hash   bytea NOT NULL
);
INSERT INTO audit_head VALUES (true, 0, decode(repeat('00', 32), 'hex'));

-- Nobody may change or delete a row; quota alone adds one and moves the head.
GRANT SELECT, INSERT ON audit_log TO sk_quota;
GRANT SELECT, UPDATE (number, hash) ON audit_head TO sk_quota;
