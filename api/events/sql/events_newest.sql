-- events_by_newest without filters, by cursor: $1 admin, $2 caller, $3, $4 createdAt and id of the last row seen,
-- $5 rows. It is planned once: what planning for each caller took was four times what a page takes.
SELECT e.id, e.title, e.description, e.event_date, e.end_date, e.time_zone, e.location, e.max_attendees, e.currency,
       e.locale, e.organizer_id,
       nullif(btrim(concat_ws(' ', u.first_name, u.last_name)), '') AS organizer_name,
       e.status, e.current_attendees, e.current_attendees AS guest_count, e.created_at, e.updated_at
FROM (
    SELECT * FROM events e
    WHERE e.deleted_at IS NULL
          AND ($1::boolean OR e.status IN ('published', 'active', 'completed') OR e.organizer_id = $2::bigint
               OR EXISTS (SELECT FROM event_staff s WHERE s.event_id = e.id AND s.user_id = $2::bigint))
          AND (e.created_at, e.id) < (coalesce($3::timestamptz, 'infinity'), coalesce($4::bigint, 9223372036854775807))
    ORDER BY e.created_at DESC, e.id DESC
    LIMIT 101 -- no page is longer; a number that the planner knows, so that the plan for all is as cheap as one for each
) e
LEFT JOIN users u ON u.id = e.organizer_id
ORDER BY e.created_at DESC, e.id DESC
LIMIT $5::bigint
