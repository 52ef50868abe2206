SELECT e.id, e.title, e.description, e.event_date, e.end_date, e.time_zone, e.location, e.max_attendees, e.currency,
       e.locale, e.organizer_id,
       nullif(btrim(concat_ws(' ', u.first_name, u.last_name)), '') AS organizer_name,
       e.status, e.current_attendees, e.current_attendees AS guest_count, e.created_at, e.updated_at, e.edit_version
FROM events e
LEFT JOIN users u ON u.id = e.organizer_id
WHERE e.id = $1::bigint AND e.deleted_at IS NULL
