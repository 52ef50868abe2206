-- A page by number: the page, and how many there are in all.
SELECT e.id, e.title, e.description, e.event_date, e.end_date, e.time_zone, e.location, e.max_attendees, e.currency, e.locale, e.organizer_id, e.status, e.current_attendees, e.created_at, e.updated_at FROM events e WHERE e.deleted_at IS NULL AND e.status IN ('published', 'active', 'completed') ORDER BY e.created_at DESC, e.id DESC LIMIT 21;
SELECT count(*) FROM events e WHERE e.deleted_at IS NULL AND e.status IN ('published', 'active', 'completed');
