-- $1 event, $2 ticket type or NULL; both locked.
WITH seat AS (
    UPDATE events SET current_attendees = current_attendees - 1 WHERE id = $1::bigint
)
UPDATE ticket_types SET sold = sold - 1 WHERE id = $2::bigint
