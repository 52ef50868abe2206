-- How many of the migrations up to the last one that this program knows were applied (corectl
-- migrate records them), and is that one known to all programs that the schema serves?
SELECT (SELECT count(*) FROM schema_migrations WHERE version COLLATE "C" <= $1),
	(SELECT version <= $1 FROM schema_floor)
