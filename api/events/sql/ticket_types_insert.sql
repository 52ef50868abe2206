-- $1 event, then one array a column; prices in minor units. Ids rise in the order given.
INSERT INTO ticket_types (event_id, name, price, quantity, description, sales_start_at, sales_end_at)
SELECT $1::bigint, n.name, n.price::numeric / 100, n.quantity, n.description, n.sales_start_at, n.sales_end_at
FROM unnest($2::text[], $3::bigint[], $4::integer[], $5::text[], $6::timestamptz[], $7::timestamptz[])
     WITH ORDINALITY AS n (name, price, quantity, description, sales_start_at, sales_end_at, ord)
ORDER BY n.ord
RETURNING id
