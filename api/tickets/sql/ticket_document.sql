-- A ticket with one of its documents, where that is of the present version. $1 ticket, $2 pdf, svg or png.
SELECT t.id, t.event_id, t.guest_id, t.ticket_type_id, t.ticket_code, s.status, t.validated_at, t.created_at,
       t.updated_at, t.edit_version, d.doc_version, d.location,
       CASE $2::text WHEN 'pdf' THEN d.pdf WHEN 'svg' THEN d.qr_svg WHEN 'png' THEN d.qr_png END AS bytes
FROM tickets t
JOIN ticket_types y ON y.id = t.ticket_type_id
CROSS JOIN LATERAL (SELECT ticket_status(t.status, t.page_seq, y.page_seq) AS status) s
LEFT JOIN documents d ON d.ticket_id = t.id AND d.doc_version = t.doc_version AND s.status = 'ready'
WHERE t.id = $1::bigint
