-- Quota plans (R19-R22): the plan as applied, what it comes to, and the member counts that it needs.
CREATE TABLE quota_plan (
	campaign_id smallint PRIMARY KEY REFERENCES campaign,
	source      text NOT NULL,             -- the file as applied (YAML); read by services/control
	digest      bytea NOT NULL,            -- of all that it comes to: the same again changes nothing
	applied_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE quota_plan_history (        -- what was applied when; append-only
	campaign_id smallint NOT NULL REFERENCES campaign,
	applied_at  timestamptz NOT NULL DEFAULT now(),
	source      text NOT NULL,
	PRIMARY KEY (campaign_id, applied_at)
);
CREATE TABLE quota_round (               -- R20: emulation rounds within a phase; round n is phase 100 + n of quota_target
	campaign_id smallint NOT NULL REFERENCES campaign,
	number      smallint NOT NULL CHECK (number BETWEEN 1 AND 100),
	name_vi     text NOT NULL,
	name_en     text NOT NULL,
	first_day   date NOT NULL,
	last_day    date NOT NULL,
	PRIMARY KEY (campaign_id, number)
);
CREATE TABLE member_count (
	campaign_id smallint NOT NULL,
	unit_id     integer NOT NULL,
	holds_from  date NOT NULL,             -- until the next one of the unit
	members     bigint NOT NULL CHECK (members >= 0),
	PRIMARY KEY (campaign_id, unit_id, holds_from)
);

-- A unit may have a target in initiatives and one in people; each changes on the days on which member counts do.
-- `target` is the declared one where there is one, else the sum of the parts.
ALTER TABLE quota_target
	ADD COLUMN holds_from date NOT NULL DEFAULT '1900-01-01', -- until the next one of the same key
	ADD COLUMN declared   bigint,
	ADD COLUMN parts      bigint,          -- sum of the children's targets
	ADD COLUMN phases     bigint,          -- of a whole that is declared beside all of its phases: their sum
	DROP CONSTRAINT quota_target_pkey,
	ADD PRIMARY KEY (campaign_id, unit_id, phase, counts, holds_from);
UPDATE quota_target SET declared = target;

GRANT SELECT ON quota_round TO sk_leaderboard, sk_notification;
