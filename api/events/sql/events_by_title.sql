-- $1 admin, $2 caller, filters: $3 status, $4 organizer, $5 pattern, $6 from, $7 to;
-- $8, $9 sort key and id of the last row seen, $10 rows, $11 rows to skip.
SELECT e.id, e.title, e.description, e.event_date, e.end_date, e.time_zone, e.location, e.max_attendees, e.currency,
       e.locale, e.organizer_id,
       nullif(btrim(concat_ws(' ', u.first_name, u.last_name)), '') AS organizer_name,
       e.status, e.current_attendees, e.current_attendees AS guest_count, e.created_at, e.updated_at
FROM events e
LEFT JOIN users u ON u.id = e.organizer_id
WHERE e.deleted_at IS NULL
      AND ($1::boolean OR e.status IN ('published', 'active', 'completed') OR e.organizer_id = $2::bigint
           OR EXISTS (SELECT FROM event_staff s WHERE s.event_id = e.id AND s.user_id = $2::bigint))
      AND ($3::text IS NULL OR e.status = $3::text)
      AND ($4::bigint IS NULL OR e.organizer_id = $4::bigint)
      AND ($5::text IS NULL OR e.title ILIKE $5::text OR e.description ILIKE $5::text)
      AND ($6::timestamptz IS NULL OR e.event_date >= $6::timestamptz)
      AND ($7::timestamptz IS NULL OR e.event_date <= $7::timestamptz)
      AND ($8::text IS NULL OR (e.title, e.id) > ($8::text, $9::bigint))
ORDER BY e.title, e.id
LIMIT $10::bigint OFFSET $11::bigint
