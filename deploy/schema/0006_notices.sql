-- Notices to officers, and a dead letter that is sent again.
CREATE TABLE officer (                     -- who is told how a unit stands; `sangkien officers import` replaces a campaign's
	id          uuid PRIMARY KEY,            -- a keyed hash of campaign, unit and address: the same again is the same
	campaign_id smallint NOT NULL REFERENCES campaign,
	unit_id     integer NOT NULL,
	english     boolean NOT NULL DEFAULT false,
	sealed      bytea NOT NULL,              -- the address, sealed for this id as a submitter's phone is
	created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX officer_of_unit ON officer (campaign_id, unit_id);

-- `event`: 'receipt', 'verdict', 'quota_met', 'behind', 'weekly'; `channel`: its name in the campaign's file.
ALTER TABLE outbox
	ADD COLUMN officer_id uuid,
	ADD COLUMN facts      jsonb,                      -- what an officer is told: figures of that instant, words of a template
	ADD COLUMN forgiven   integer NOT NULL DEFAULT 0; -- of `attempts`: those before it was sent again by hand
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (campaign_id, channel, next_at) WHERE state = 0;
CREATE INDEX outbox_dead ON outbox (created_at) WHERE state = 2;

GRANT INSERT ON outbox TO sk_intake;
GRANT INSERT ON outbox TO sk_notification;
GRANT SELECT ON officer, unit_total, unit_day TO sk_notification;
