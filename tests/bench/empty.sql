-- Take out whom the bench registered, so that the next load finds the same database.
\set ON_ERROR_STOP on
SET synchronous_commit = off;
CREATE TEMP TABLE gone AS
    SELECT id, event_id, ticket_type_id FROM guests WHERE id > (SELECT guests FROM bench_seed);
DELETE FROM documents WHERE ticket_id IN (SELECT t.id FROM tickets t JOIN gone ON gone.id = t.guest_id);
DELETE FROM tickets WHERE guest_id IN (SELECT id FROM gone);
DELETE FROM notifications WHERE guest_id IN (SELECT id FROM gone);
TRUNCATE outbox;
DELETE FROM guests WHERE id IN (SELECT id FROM gone);
UPDATE events e SET current_attendees = e.current_attendees - c.n
FROM (SELECT event_id, count(*) AS n FROM gone GROUP BY 1) c WHERE e.id = c.event_id;
UPDATE ticket_types t SET sold = t.sold - c.n
FROM (SELECT ticket_type_id, count(*) AS n FROM gone GROUP BY 1) c WHERE t.id = c.ticket_type_id;
TRUNCATE statistics_deltas, event_statistics;
INSERT INTO event_statistics SELECT * FROM bench_statistics;
VACUUM ANALYZE events, ticket_types, guests, guest_search, tickets, notifications, outbox, statistics_deltas, event_statistics;
CHECKPOINT;
