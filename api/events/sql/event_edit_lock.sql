SELECT e.id, e.title, e.description, e.event_date, e.end_date, e.time_zone, e.location, e.max_attendees, e.currency,
       e.locale, e.organizer_id,
       e.status, e.current_attendees, e.current_attendees AS guest_count, e.created_at, e.updated_at, e.edit_version
FROM events e
WHERE e.id = $1::bigint AND e.deleted_at IS NULL
FOR NO KEY UPDATE
