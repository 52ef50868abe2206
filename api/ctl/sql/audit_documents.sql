SELECT t.id::text AS id,
       format('ticket is ready at version %s, its document is %s', t.doc_version,
              coalesce('of version ' || d.doc_version, 'missing')) AS detail
FROM tickets t
LEFT JOIN documents d ON d.ticket_id = t.id
WHERE t.status = 'ready' AND d.doc_version IS DISTINCT FROM t.doc_version
ORDER BY t.id
