-- The guests of event 1 as CSV by COPY, ten times: the statement of the export.
\set ON_ERROR_STOP on
SELECT format('COPY (
    SELECT g.id, g.first_name, g.last_name, g.email, g.phone, g.type, g.status, g.ticket_type_id, y.name AS ticket_type,
           t.ticket_code, g.external_id, g.locale, g.created_at, g.checked_in_at
    FROM guests g
    LEFT JOIN ticket_types y ON y.id = g.ticket_type_id
    LEFT JOIN tickets t ON t.guest_id = g.id
    WHERE g.event_id = 1 AND g.deleted_at IS NULL
    ORDER BY g.id) TO STDOUT (FORMAT csv, HEADER)')
FROM generate_series(1, 10) \gexec
