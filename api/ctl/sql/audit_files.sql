-- A page of the documents that are files: $1 behind this ticket, $2 how many.
SELECT ticket_id, doc_version, location, encode(pdf_sha256, 'hex') AS digest
FROM documents
WHERE ticket_id > $1::bigint AND location IS NOT NULL
ORDER BY ticket_id
LIMIT $2::bigint
