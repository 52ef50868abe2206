-- What the pages of these tickets ($1) say; tickets that need no document are left out. Moments are
-- those on the wall clock of the event's zone.
SELECT t.id, t.event_id, t.guest_id, t.doc_version, y.page_seq, t.issued_at_ms, t.ticket_code,
       e.title, e.location, e.currency, e.time_zone,
       to_char(e.event_date AT TIME ZONE e.time_zone, 'YYYY MM DD ID HH24 MI') AS starts,
       to_char(e.end_date AT TIME ZONE e.time_zone, 'YYYY MM DD ID HH24 MI') AS ends,
       g.first_name || ' ' || g.last_name AS guest, g.locale,
       y.name AS type, y.price,
       coalesce(u.first_name, '') || ' ' || coalesce(u.last_name, '') AS organizer
FROM tickets t
JOIN events e ON e.id = t.event_id
JOIN guests g ON g.id = t.guest_id
JOIN ticket_types y ON y.id = t.ticket_type_id
LEFT JOIN users u ON u.id = e.organizer_id
WHERE t.id = ANY ($1::bigint[]) AND t.status = 'pending'
ORDER BY t.id
