-- Codes that name two tickets, or a ticket that they should name no more.
SELECT d.id, d.detail
FROM (
    SELECT min(t.id)::text AS id, format('tickets %s have one code', string_agg(t.id::text, ' ' ORDER BY t.id)) AS detail
    FROM tickets t GROUP BY t.ticket_code HAVING count(*) > 1
    UNION ALL
    SELECT t.id::text, format('its code was retired from ticket %s', r.ticket_id)
    FROM tickets t JOIN retired_codes r ON r.ticket_code = t.ticket_code
) d
ORDER BY d.detail, d.id
LIMIT $1::bigint
