\set id random(1, :events)
SELECT e.id, e.title, e.description, e.event_date, e.end_date, e.time_zone, e.location, e.max_attendees, e.currency, e.locale, e.organizer_id, e.status, e.current_attendees, e.created_at, e.updated_at, e.edit_version FROM events e WHERE e.id = :id AND e.deleted_at IS NULL;
SELECT t.id, t.event_id, t.name, t.price, t.quantity, t.description, t.sales_start_at, t.sales_end_at, t.sold, t.quantity - t.sold AS available, t.created_at, t.updated_at FROM ticket_types t WHERE t.event_id = :id AND t.deleted_at IS NULL ORDER BY t.id;
