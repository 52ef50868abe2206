-- :events published events with a free and a priced type each, :guests guests: three of ten have a
-- ticket of one of the first events, the others are registered without. Events 1 to 200 are sold.
\set ON_ERROR_STOP on
SET synchronous_commit = off;

INSERT INTO users (id, email, first_name, last_name)
SELECT i, 'user' || i || '@example.com', 'User', 'Number ' || i FROM generate_series(1, 2000) AS i
ON CONFLICT DO NOTHING;

INSERT INTO events (title, description, event_date, time_zone, location, max_attendees, current_attendees, currency,
                    organizer_id, status, created_at, updated_at)
SELECT 'Event ' || i || CASE WHEN i % 100 = 0 THEN ' of chamber music' ELSE ' for everybody' END,
       'What happens, who comes and what it costs: description of event ' || i || repeat(', and more of it', 8),
       now() + interval '30 days' + i * interval '1 minute', 'Europe/Paris', 'Hall ' || i % 50 || ', Town', 100000, 0,
       'EUR', 2, 'published', now() - i * interval '1 second', now() - i * interval '1 second'
FROM generate_series(1, :events) AS i;

INSERT INTO ticket_types (event_id, name, price, quantity)
SELECT e, t.name, t.price, 100000
FROM generate_series(1, :events) AS e, (VALUES (1, 'Free', 0), (2, 'Box', 20)) AS t (n, name, price)
ORDER BY e, t.n;

-- far faster than row by row
DROP INDEX idx_guest_search_words;
INSERT INTO guests (event_id, first_name, last_name, email, ticket_type_id, status, registered_by, attempt_id, created_at,
                    updated_at)
SELECT CASE WHEN i <= :tickets THEN 1 + i % 300 ELSE 1 + i % :events END, 'First' || i, 'Last' || i % 1000,
       'guest' || i || '@example.com', CASE WHEN i <= :tickets THEN 2 * (1 + i % 300) - 1 END,
       CASE WHEN i <= :tickets THEN 'confirmed' ELSE 'registered' END, 10, gen_random_uuid(),
       now() - (:guests - i) * interval '1 millisecond', now()
FROM generate_series(1, :guests) AS i;
CREATE INDEX idx_guest_search_words ON guest_search USING gin (event_id, words gin_trgm_ops);

INSERT INTO tickets (event_id, guest_id, ticket_type_id, ticket_code, status, qr_code_data)
SELECT g.event_id, g.id, g.ticket_type_id, 'EVT-SEED' || g.id, 'ready', 'seed'
FROM guests g WHERE g.ticket_type_id IS NOT NULL ORDER BY g.id;
INSERT INTO documents (ticket_id, doc_version, location, pdf_sha256)
SELECT t.id, t.doc_version, 'seed', '\x00' FROM tickets t ORDER BY t.id;

UPDATE events e SET current_attendees = c.n
FROM (SELECT event_id, count(*) AS n FROM guests GROUP BY 1) c WHERE e.id = c.event_id;
UPDATE ticket_types t SET sold = c.n
FROM (SELECT ticket_type_id, count(*) AS n FROM guests GROUP BY 1) c WHERE t.id = c.ticket_type_id;
INSERT INTO event_statistics (event_id, ticket_type_id, quarter, kind, n, amount)
SELECT g.event_id, g.ticket_type_id, quarter_of(g.created_at), k.kind, count(*), 0
FROM guests g
CROSS JOIN LATERAL (VALUES ('guests', true), ('registrations', true), ('confirmed', g.status = 'confirmed')) AS k (kind, counts)
WHERE k.counts GROUP BY 1, 2, 3, 4;
VACUUM ANALYZE;
CHECKPOINT;
-- What empty.sql goes back to.
CREATE TABLE bench_seed AS SELECT max(id) AS guests FROM guests;
CREATE TABLE bench_statistics AS SELECT * FROM event_statistics;
