-- Bytes of a stored body. $1 import, $2 number of the chunk, $3 from (the first is 1), $4 length.
SELECT substring(body FROM $3::integer FOR $4::integer) FROM import_chunks
WHERE import_id = $1::bigint AND number = $2::integer
