-- Events with their ticket types: a row a type, one where there is none. $1 events, $2 who asks for each (0: nobody),
-- by the same position, which is `ord`.
SELECT a.ord, e.id, e.title, e.description, e.event_date, e.end_date, e.time_zone, e.location, e.max_attendees,
       e.currency, e.locale, e.organizer_id,
       nullif(btrim(concat_ws(' ', u.first_name, u.last_name)), '') AS organizer_name,
       e.status, e.current_attendees, e.current_attendees AS guest_count, e.created_at, e.updated_at, e.edit_version,
       -- who may see a draft
       CASE WHEN e.status = 'draft' THEN
           EXISTS (SELECT FROM event_staff s WHERE s.event_id = e.id AND s.user_id = a.caller_id) END AS is_staff,
       t.id AS type_id, t.event_id AS type_event_id, t.name AS type_name, t.price AS type_price,
       t.quantity AS type_quantity, t.description AS type_description, t.sales_start_at AS type_sales_start_at,
       t.sales_end_at AS type_sales_end_at, t.sold AS type_sold, t.quantity - t.sold AS type_available,
       t.created_at AS type_created_at, t.updated_at AS type_updated_at
FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS a (event_id, caller_id, ord)
JOIN events e ON e.id = a.event_id AND e.deleted_at IS NULL
LEFT JOIN users u ON u.id = e.organizer_id
LEFT JOIN ticket_types t ON t.event_id = e.id AND t.deleted_at IS NULL
ORDER BY a.ord, t.id
