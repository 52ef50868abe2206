-- Stores the newest documents of tickets, or where their files are.
INSERT INTO documents (ticket_id, doc_version, location, pdf, qr_svg, qr_png, pdf_sha256)
SELECT d.ticket_id, d.doc_version, d.location, d.pdf, d.qr_svg, d.qr_png, d.pdf_sha256
FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[])
     AS d (ticket_id, doc_version, location, pdf, qr_svg, qr_png, pdf_sha256)
ORDER BY d.ticket_id
ON CONFLICT (ticket_id) DO UPDATE
SET doc_version = excluded.doc_version, location = excluded.location, pdf = excluded.pdf,
    qr_svg = excluded.qr_svg, qr_png = excluded.qr_png, pdf_sha256 = excluded.pdf_sha256,
    created_at = now()
