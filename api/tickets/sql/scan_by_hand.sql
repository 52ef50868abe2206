-- What a check-in by hand came to, the guest locked and as it is by now. $1 guest, $2 outcome, $3 caller.
INSERT INTO ticket_scans (event_id, ticket_id, guest_id, outcome, validated_at, by_hand, scanned_by, created_at)
SELECT g.event_id, t.id, g.id, $2::text, g.checked_in_at, true, $3::bigint, clock_timestamp()
FROM guests g
LEFT JOIN tickets t ON t.guest_id = g.id
WHERE g.id = $1::bigint
