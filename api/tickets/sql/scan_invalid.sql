-- A scan of something that is no ticket of ours. It belongs to the event that the scanner names if it may scan
-- there. $1 event, $2 scan id, $3 digest, $4 caller, $5 is the caller an admin?
INSERT INTO ticket_scans (event_id, scan_id, code_digest, outcome, scanned_by)
SELECT (SELECT e.id FROM events e
        WHERE e.id = $1::bigint AND e.deleted_at IS NULL
          AND (manages(e.organizer_id, $4::bigint, $5::boolean)
               OR EXISTS (SELECT FROM event_staff s WHERE s.event_id = e.id AND s.user_id = $4))),
       $2::uuid, decode($3::text, 'hex'), 'invalid-qr', $4
ON CONFLICT (event_id, scan_id) WHERE scan_id IS NOT NULL DO NOTHING
