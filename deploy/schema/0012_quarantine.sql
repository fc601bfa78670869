-- What an operator let go from quarantine and is undecided is looked for by the sweeper in every pass.
CREATE INDEX quarantine_released ON quarantine (submission_id) WHERE released_at IS NOT NULL;
