-- $1 event, $2, $3 sort key and id of the last row seen, $4 rows, $5 rows to skip.
SELECT t.id, t.event_id, t.name, t.price, t.quantity, t.description, t.sales_start_at, t.sales_end_at, t.sold,
       t.quantity - t.sold AS available, t.created_at, t.updated_at, t.edit_version
FROM ticket_types t
WHERE t.event_id = $1::bigint AND t.deleted_at IS NULL
      AND ($2::timestamptz IS NULL OR (t.created_at, t.id) < ($2::timestamptz, $3::bigint))
ORDER BY t.created_at DESC, t.id DESC
LIMIT $4::bigint OFFSET $5::bigint
