-- How many migrations were applied (corectl migrate records them).
SELECT count(*) FROM schema_migrations
