-- Everybody who may come has one ticket with a whole document of its last version.
SELECT 0, format('guest %s is %s, ticket %s is %s, document %s', g.id, g.status, t.id, t.status,
                 CASE WHEN d.ticket_id IS NULL THEN 'missing'
                      WHEN d.doc_version <> t.doc_version THEN 'old'
                      ELSE 'broken' END)
FROM guests g
LEFT JOIN tickets t ON t.guest_id = g.id
LEFT JOIN documents d ON d.ticket_id = t.id
WHERE g.status IN ('confirmed', 'checked_in') AND g.ticket_type_id IS NOT NULL
  AND (t.status IS DISTINCT FROM 'ready' OR d.doc_version IS DISTINCT FROM t.doc_version
       OR (d.pdf IS NOT NULL AND (sha256(d.pdf) <> d.pdf_sha256 OR substr(d.pdf, 1, 5) <> '%PDF-'::bytea
                                  OR position('%%EOF'::bytea IN d.pdf) = 0)))
