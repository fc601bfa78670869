-- People of rounds (R19, R20): who has at least one counted submission of those days below a unit. Over its days a row's
-- people add up to the round's. Rounds change under the unit tree's lock and raise its version: who counts knows them.
CREATE TABLE unit_round (
	campaign_id smallint NOT NULL,
	unit_id     integer NOT NULL,
	round       smallint NOT NULL,
	day         date NOT NULL,
	people      bigint NOT NULL DEFAULT 0, -- whose first counted submission in the round below the unit is of that day
	PRIMARY KEY (campaign_id, unit_id, round, day)
);

-- What was counted before this file.
INSERT INTO unit_round (campaign_id, unit_id, round, day, people)
WITH RECURSIVE line (campaign_id, unit_id, ancestor) AS (
	SELECT campaign_id, id, id FROM unit
	UNION ALL
	SELECT l.campaign_id, l.unit_id, u.parent_id FROM line AS l
	JOIN unit AS u ON u.campaign_id = l.campaign_id AND u.id = l.ancestor WHERE u.parent_id <> 0
), first AS (
	SELECT p.campaign_id, l.ancestor AS unit_id, r.number AS round, p.person, min(p.day) AS day
	FROM participation AS p JOIN line AS l USING (campaign_id, unit_id)
	JOIN quota_round AS r ON r.campaign_id = p.campaign_id AND p.day BETWEEN r.first_day AND r.last_day
	WHERE p.counted > 0 GROUP BY 1, 2, 3, 4
)
SELECT campaign_id, unit_id, round, day, count(*) FROM first GROUP BY 1, 2, 3, 4;

GRANT SELECT ON quota_round TO sk_intake, sk_validation, sk_deduplication, sk_quota;
GRANT SELECT, INSERT, UPDATE ON unit_round TO sk_quota;
GRANT SELECT ON unit_round TO sk_leaderboard, sk_notification;
