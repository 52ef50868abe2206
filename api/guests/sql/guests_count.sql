-- How many guests_filtered has in all: $1 event, $2 status, $3 type, $4 ticket type, $5 ILIKE pattern.
SELECT CASE
    WHEN $5::text IS NULL THEN
        (SELECT count(*)
         FROM guests g
         WHERE g.event_id = $1::bigint AND g.deleted_at IS NULL
           AND ($2::text IS NULL OR g.status = $2)
           AND ($3::text IS NULL OR g.type = $3)
           AND ($4::bigint IS NULL OR g.ticket_type_id = $4))
    ELSE guests_found_count($1, $2, $3, $4, $5)
END
