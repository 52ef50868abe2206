-- Registrations whose process is gone: their request ended without an intent and without a word. $1 how many.
SELECT p.id, p.guest_id, p.event_id, p.deadline_at
FROM payments p
WHERE p.status = 'created' AND p.deadline_at < clock_timestamp() - interval '60 seconds'
ORDER BY p.deadline_at
LIMIT $1::bigint
