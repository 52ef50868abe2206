-- A page may be older than the last change of its event or type only until that change is worked off.
SELECT t.id::text AS id,
       CASE WHEN d.doc_version = t.doc_version THEN 'ticket is ready with a page from before a change that is worked off'
            ELSE format('ticket is ready at version %s, its document is %s', t.doc_version,
                        coalesce('of version ' || d.doc_version, 'missing')) END AS detail
FROM tickets t
JOIN events e ON e.id = t.event_id
JOIN ticket_types y ON y.id = t.ticket_type_id
LEFT JOIN documents d ON d.ticket_id = t.id
WHERE t.status = 'ready'
  AND (d.doc_version IS DISTINCT FROM t.doc_version OR (t.page_seq < y.page_seq AND e.renewed_seq = e.page_seq))
ORDER BY t.id
LIMIT $1::bigint
