-- What was counted in which hour of receipt, of whole campaigns: the line of the last day. Small whatever is received: quota
-- takes up only what was received within the last two days, and drops hours that are older.
CREATE TABLE campaign_hour (
	campaign_id smallint NOT NULL,
	hour        timestamptz NOT NULL, -- the instant it begins
	counted     bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (campaign_id, hour)
);

-- What was counted before this file.
INSERT INTO campaign_hour (campaign_id, hour, counted)
SELECT d.campaign_id, date_trunc('hour', s.received_at), count(*)
FROM submission AS s JOIN LATERAL (
	SELECT campaign_id, status FROM decision WHERE submission_id = s.id ORDER BY revision DESC LIMIT 1) AS d ON d.status = 2
WHERE s.received_at > now() - interval '48 hours'
GROUP BY 1, 2;

GRANT SELECT, INSERT, UPDATE, DELETE ON campaign_hour TO sk_quota;
GRANT SELECT ON campaign_hour TO sk_leaderboard;
