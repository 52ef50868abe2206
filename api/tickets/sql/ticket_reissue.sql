-- A new code in place of the old one, the row locked. $1 ticket, $2 code.
WITH retired AS (
    INSERT INTO retired_codes (ticket_code, ticket_id)
    SELECT ticket_code, id FROM tickets WHERE id = $1::bigint
)
UPDATE tickets
SET ticket_code = $2::text, qr_code_data = NULL, status = 'pending', issue = issue + 1, doc_version = doc_version + 1,
    -- never the number that an older QR holds
    issued_at_ms = greatest((extract(epoch FROM clock_timestamp()) * 1000)::bigint, issued_at_ms + 1),
    edit_version = edit_version + 1, updated_at = now()
WHERE id = $1
