-- Marks tickets ($1) ready whose document was made from the version ($2) they still have, with the
-- text of their QR code ($3). Locks by id. `mail`: this issue was not mailed yet, and now is.
WITH made AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS m (id, doc_version, qr)
), locked AS MATERIALIZED (
    SELECT t.id, m.qr, t.mailed_issue < t.issue AS mail
    FROM tickets t JOIN made m ON m.id = t.id
    WHERE t.status = 'pending' AND t.doc_version = m.doc_version
    ORDER BY t.id
    FOR NO KEY UPDATE OF t
)
UPDATE tickets t
SET status = 'ready', qr_code_data = l.qr, mailed_issue = t.issue
FROM locked l
WHERE t.id = l.id
RETURNING t.id, t.event_id, t.guest_id, t.issue, l.mail
