-- $1 event, $2 ticket type or NULL, both locked; $3 seats: -1 gives one back, 1 takes one.
WITH seat AS (
    UPDATE events SET current_attendees = current_attendees + $3::integer WHERE id = $1::bigint
)
UPDATE ticket_types SET sold = sold + $3 WHERE id = $2::bigint
