SELECT ord, created, job_id, job_type
FROM import_apply($1::bigint, $2::integer, $3::jsonb, $4::integer, $5::jsonb, $6::bigint, $7::integer)
