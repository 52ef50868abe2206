-- Parameters as of events_by_*.
SELECT count(*) FROM events e
WHERE e.deleted_at IS NULL
      AND ($1::boolean OR e.status IN ('published', 'active', 'completed') OR e.organizer_id = $2::bigint
           OR EXISTS (SELECT FROM event_staff s WHERE s.event_id = e.id AND s.user_id = $2::bigint))
      AND ($3::text IS NULL OR e.status = $3::text)
      AND ($4::bigint IS NULL OR e.organizer_id = $4::bigint)
      AND ($5::text IS NULL OR e.title ILIKE $5::text OR e.description ILIKE $5::text)
      AND ($6::timestamptz IS NULL OR e.event_date >= $6::timestamptz)
      AND ($7::timestamptz IS NULL OR e.event_date <= $7::timestamptz)
