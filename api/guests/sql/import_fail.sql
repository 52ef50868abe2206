SELECT import_fail($1::bigint, $2::integer, $3::text, $4::text, $5::text)
