-- Notices to the officers of a unit that was merged go by the unit that has its figures now.
-- A keyed hash of the address: who is an officer of both is told once. NULL: of a file imported before this one.
ALTER TABLE officer ADD COLUMN address_hash uuid;
-- What was merged into a unit.
CREATE INDEX unit_merged ON unit (campaign_id, parent_id) WHERE merged;
