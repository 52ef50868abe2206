-- Files that are recorded for these tickets ($1).
SELECT ticket_id, location FROM documents WHERE ticket_id = ANY ($1::bigint[]) AND location IS NOT NULL
