UPDATE guests
SET first_name = $2::text, last_name = $3::text, email = $4::text, phone = $5::text, type = $6::text,
    locale = $7::text, edit_version = edit_version + 1, updated_at = now()
WHERE id = $1::bigint
