-- How far a standby has replayed that log; 0 when it is none (any more).
SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::bigint ELSE 0 END,
	system_identifier || '/' || timeline_id
FROM pg_control_system(), pg_control_checkpoint()
