-- How many guests_list has in all; parameters as there.
SELECT count(*)
FROM guests g
WHERE g.event_id = $1::bigint AND g.deleted_at IS NULL
  AND ($2::text IS NULL OR g.status = $2)
  AND ($3::text IS NULL OR g.type = $3)
  AND ($4::bigint IS NULL OR g.ticket_type_id = $4)
  AND ($5::text IS NULL OR (g.first_name || ' ' || g.last_name || ' ' || g.email) ILIKE $5)
