-- The ticket type of a guest, which never changes. $1 guest.
SELECT t.id
FROM ticket_types t
WHERE t.id = (SELECT g.ticket_type_id FROM guests g WHERE g.id = $1::bigint)
FOR NO KEY UPDATE
