-- Documents in the database whose bytes are not those that were made.
SELECT d.ticket_id::text AS id,
       CASE WHEN sha256(d.pdf) <> d.pdf_sha256 THEN 'the PDF has another digest than when it was made'
            WHEN substring(d.pdf FROM 1 FOR 5) <> '%PDF-' THEN 'the PDF is none'
            WHEN substring(d.qr_png FROM 1 FOR 8) <> '\x89504e470d0a1a0a' THEN 'the QR image is no PNG'
            ELSE 'the QR image is no SVG' END AS detail
FROM documents d
WHERE d.location IS NULL
  AND (sha256(d.pdf) <> d.pdf_sha256 OR substring(d.pdf FROM 1 FOR 5) <> '%PDF-'
       OR substring(d.qr_png FROM 1 FOR 8) <> '\x89504e470d0a1a0a' OR position('<svg'::bytea IN d.qr_svg) = 0)
ORDER BY d.ticket_id
LIMIT $1::bigint
