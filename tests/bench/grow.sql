-- :events events more, and :guests guests more of event :event. Who has cancelled needs no seat, and is found and
-- listed alike.
\set ON_ERROR_STOP on
SET synchronous_commit = off;
INSERT INTO events (title, description, event_date, time_zone, location, max_attendees, current_attendees, currency,
                    organizer_id, status, created_at, updated_at)
SELECT 'Further event ' || i, 'Another one', now() + interval '60 days', 'Europe/Paris', 'Hall', 100, 0, 'EUR', 2,
       'published', now() - i * interval '1 minute', now() - i * interval '1 minute'
FROM generate_series(1, :events) AS i;
INSERT INTO ticket_types (event_id, name, price, quantity)
SELECT id, 'Free', 0, 100 FROM events WHERE title LIKE 'Further event %';
DROP INDEX idx_guest_search_words;
INSERT INTO guests (event_id, first_name, last_name, email, status, cancelled_at, registered_by, attempt_id, created_at)
SELECT :event, 'First' || i, 'Last' || i % 1000, 'grown' || i || '@example.com', 'cancelled', now(), 10, gen_random_uuid(),
       now() - i * interval '1 millisecond'
FROM generate_series(1, :guests) AS i;
CREATE INDEX idx_guest_search_words ON guest_search USING gin (event_id, words gin_trgm_ops);
UPDATE bench_seed SET guests = (SELECT max(id) FROM guests);
VACUUM ANALYZE;
CHECKPOINT;
