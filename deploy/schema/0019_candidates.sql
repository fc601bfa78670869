-- What a text is under review for: what it resembles, the most alike first. With its first decision, which names the
-- first of them; never changed.
CREATE TABLE candidate (
	submission_id uuid NOT NULL,
	place         smallint NOT NULL CHECK (place >= 1),
	resembles     uuid NOT NULL,
	score         double precision NOT NULL,
	PRIMARY KEY (submission_id, place)
);
GRANT SELECT, INSERT ON candidate TO sk_quota;
GRANT SELECT ON candidate TO sk_deduplication;
