-- A scan in one statement: the ticket if it was not admitted yet, the state of its guest, the row of the scan. Each ticket
-- once, in the order in which the load shows them.
\set turn :turn + 1
\set id :turn * 32 + :client_id - 31
WITH ticket AS (UPDATE tickets SET is_validated = true, validated_at = now() WHERE id = :id AND NOT is_validated AND status = 'ready' RETURNING id, event_id, guest_id), guest AS (UPDATE guests g SET status_before = g.status, status = 'checked_in', checked_in_at = now() FROM ticket t WHERE g.id = t.guest_id AND g.status IN ('confirmed', 'registered') RETURNING g.id) INSERT INTO ticket_scans (event_id, ticket_id, guest_id, outcome, validated_at, scanned_by) SELECT t.event_id, t.id, t.guest_id, 'admitted', now(), 2 FROM ticket t JOIN guest g ON g.id = t.guest_id;
