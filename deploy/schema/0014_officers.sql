-- What officers were told of, each once for ever, whoever the officers are by then.
CREATE TABLE officer_event (
	campaign_id smallint NOT NULL REFERENCES campaign,
	unit_id     integer NOT NULL,
	event       text NOT NULL,           -- 'quota_met', 'behind', 'weekly'
	period      smallint NOT NULL,       -- as quota_target.phase; of a weekly summary 0
	counts      smallint NOT NULL,       -- as quota_target.counts; of a weekly summary 0
	day         date NOT NULL,           -- the period's first; a weekly summary's own
	told_at     timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (campaign_id, unit_id, event, period, counts, day)
);
GRANT SELECT, INSERT ON officer_event TO sk_notification;
GRANT SELECT ON board TO sk_notification;
GRANT SELECT, INSERT, UPDATE ON role_lease TO sk_notification; -- the role 'planner'
