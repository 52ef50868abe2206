-- The oldest programs that this schema still serves, named by the last step that they know. A step
-- that only adds leaves it alone: older programs go on beside newer ones. A step that takes
-- something away raises it, in its own transaction, to the step since when programs do without:
--   UPDATE schema_floor SET version = 'NNNN_name';
-- Programs that do not know that step are not ready any more.
CREATE TABLE schema_floor (
	version TEXT COLLATE "C" NOT NULL,
	one BOOLEAN PRIMARY KEY DEFAULT true CHECK (one)
);
INSERT INTO schema_floor (version) VALUES ('0001_core');
