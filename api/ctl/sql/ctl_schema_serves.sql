-- Does the schema serve programs that know it up to this step?
SELECT version <= $1, version FROM schema_floor
