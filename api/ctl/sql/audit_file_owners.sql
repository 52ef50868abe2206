-- Where the files of these tickets ($1) are.
SELECT ticket_id, location FROM documents WHERE ticket_id = ANY ($1::bigint[]) AND location IS NOT NULL
