SELECT line, field AS "column", code, detail FROM import_errors
WHERE import_id = $1::bigint
ORDER BY line, id
