UPDATE ticket_types
SET name = $2::text, price = $3::numeric, quantity = $4::integer, description = $5::text,
    sales_start_at = $6::timestamptz, sales_end_at = $7::timestamptz, edit_version = edit_version + 1,
    updated_at = clock_timestamp()
WHERE id = $1::bigint
