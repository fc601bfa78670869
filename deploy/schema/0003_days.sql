-- What was counted on which day of receipt, in Vietnam: for the pace of the last days and the line of a whole campaign.
-- One row a unit (and each of its ancestors), day and phase of the submissions (0: in none). Sums over the days are those
-- of unit_total: `counted` and `people` of a phase; over days and phases `counted` and `newcomers` of the whole campaign.
CREATE TABLE unit_day (
	campaign_id smallint NOT NULL,
	unit_id     integer NOT NULL,
	day         date NOT NULL,
	phase       smallint NOT NULL,
	counted     bigint NOT NULL DEFAULT 0,
	people      bigint NOT NULL DEFAULT 0, -- whose first counted submission of this phase below the unit is of that day
	newcomers   bigint NOT NULL DEFAULT 0, -- whose first counted submission of all below the unit is of that day and phase
	PRIMARY KEY (campaign_id, unit_id, day, phase)
);

-- Whose first one it is can only be known, and known again after a revocation, with the days of all the others.
DELETE FROM participation;
ALTER TABLE participation
	ADD COLUMN day date NOT NULL,
	DROP CONSTRAINT participation_pkey,
	ADD PRIMARY KEY (campaign_id, person, unit_id, phase, day);

-- What was counted before this file.
INSERT INTO participation (campaign_id, person, unit_id, phase, day, counted)
SELECT d.campaign_id, s.person, d.unit_id, d.phase, (s.received_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date, count(*)
FROM (SELECT DISTINCT ON (submission_id) * FROM decision ORDER BY submission_id, revision DESC) AS d
JOIN submission AS s ON s.id = d.submission_id
WHERE d.status = 2
GROUP BY 1, 2, 3, 4, 5;

INSERT INTO unit_day (campaign_id, unit_id, day, phase, counted, people, newcomers)
WITH RECURSIVE line (campaign_id, unit_id, ancestor) AS (
	SELECT campaign_id, id, id FROM unit
	UNION ALL
	SELECT l.campaign_id, l.unit_id, u.parent_id FROM line AS l
	JOIN unit AS u ON u.campaign_id = l.campaign_id AND u.id = l.ancestor WHERE u.parent_id <> 0
), part AS (
	SELECT p.campaign_id, l.ancestor AS unit_id, p.day, p.phase, p.counted,
		row_number() OVER (PARTITION BY p.campaign_id, l.ancestor, p.person ORDER BY p.day, p.phase, p.unit_id) AS nth,
		row_number() OVER (PARTITION BY p.campaign_id, l.ancestor, p.person, p.phase ORDER BY p.day, p.unit_id) AS nth_of_phase
	FROM participation AS p JOIN line AS l USING (campaign_id, unit_id)
)
SELECT campaign_id, unit_id, day, phase, sum(counted), count(*) FILTER (WHERE nth_of_phase = 1 AND phase <> 0),
	count(*) FILTER (WHERE nth = 1)
FROM part GROUP BY 1, 2, 3, 4;

GRANT SELECT, INSERT, UPDATE ON unit_day TO sk_quota;
GRANT SELECT ON unit_day TO sk_leaderboard;
