-- Moves: units merged, renamed or put under another parent while a campaign runs (63 → 34 provinces in 2025).
-- A merged unit keeps its row and its id, because decisions and submissions name it: it takes no more submissions, is
-- shown on no board, and hangs below the unit that it was merged into (its parent), which so has what it had.
ALTER TABLE unit
	ADD COLUMN merged    boolean NOT NULL DEFAULT false,
	-- The province or branch it stood in before it first moved, 0: never moved. Copies go on being looked for within
	-- the borders in which they were made, so that no text that was a copy yesterday is a new one today.
	ADD COLUMN scope_top integer NOT NULL DEFAULT 0,
	ADD CHECK (NOT (merged AND accepts_submissions));

-- Whose ancestors a transaction of quota counted for. Raised by every change of a parent, under the advisory lock
-- 8461816698766517605, which quota's transactions share: none is half in one tree and half in another.
CREATE TABLE unit_tree (
	campaign_id smallint PRIMARY KEY REFERENCES campaign,
	version     bigint NOT NULL,
	moved_on    date                         -- the day of the latest move in force
);
CREATE TABLE unit_past (                   -- what a unit was until the day of a move; before that: an earlier row
	campaign_id         smallint NOT NULL REFERENCES campaign,
	unit_id             integer NOT NULL,
	held_until          date NOT NULL,       -- the first day on which it did not hold
	name                text NOT NULL,
	parent_id           integer NOT NULL,
	accepts_submissions boolean NOT NULL,
	merged              boolean NOT NULL,
	PRIMARY KEY (campaign_id, unit_id, held_until)
);
CREATE TABLE unit_move_history (           -- the files of moves as applied; append-only
	campaign_id smallint NOT NULL REFERENCES campaign,
	applied_at  timestamptz NOT NULL DEFAULT now(),
	source      text NOT NULL,
	PRIMARY KEY (campaign_id, applied_at)
);
GRANT SELECT ON unit_tree TO sk_intake, sk_validation, sk_deduplication, sk_quota, sk_notification, sk_leaderboard;
GRANT SELECT ON unit_past TO sk_leaderboard;
