SELECT t.id, t.event_id, t.name, t.price, t.quantity, t.description, t.sales_start_at, t.sales_end_at, t.sold,
       t.quantity - t.sold AS available, t.created_at, t.updated_at, t.edit_version
FROM ticket_types t
WHERE t.event_id = $1::bigint AND t.id = $2::bigint AND t.deleted_at IS NULL
