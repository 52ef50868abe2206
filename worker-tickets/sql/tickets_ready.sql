-- Marks tickets ($1) ready whose document was made from the version ($2) they still have and from
-- the last change of what they show ($3), with the text of their QR code ($4). Locks by id. `mail`:
-- this issue was not mailed yet, and now is.
WITH made AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS m (id, doc_version, page_seq, qr)
), locked AS MATERIALIZED (
    SELECT t.id, m.page_seq, m.qr, t.mailed_issue < t.issue AS mail
    FROM tickets t
    JOIN made m ON m.id = t.id
    JOIN ticket_types y ON y.id = t.ticket_type_id
    WHERE t.status = 'pending' AND t.doc_version = m.doc_version AND y.page_seq = m.page_seq
    ORDER BY t.id
    FOR NO KEY UPDATE OF t
)
UPDATE tickets t
SET status = 'ready', page_seq = l.page_seq, qr_code_data = l.qr, mailed_issue = t.issue
FROM locked l
WHERE t.id = l.id
RETURNING t.id, t.event_id, t.guest_id, t.issue, l.mail
