-- How far the log of the primary is on its disk: whatever was committed until now lies before. And
-- whose log it is, since positions of another history say nothing.
SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint,
	system_identifier || '/' || timeline_id
FROM pg_control_system(), pg_control_checkpoint()
