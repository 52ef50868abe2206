-- Nobody was admitted yet.
\set ON_ERROR_STOP on
SET synchronous_commit = off;
UPDATE tickets SET is_validated = false, validated_at = NULL WHERE is_validated;
UPDATE guests SET status = status_before, status_before = NULL, checked_in_at = NULL WHERE status = 'checked_in';
TRUNCATE ticket_scans;
DELETE FROM statistics_deltas WHERE kind = 'check_ins';
DELETE FROM event_statistics WHERE kind = 'check_ins';
VACUUM ANALYZE tickets, guests, ticket_scans, statistics_deltas, event_statistics;
CHECKPOINT;
