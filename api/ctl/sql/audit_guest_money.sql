-- Who has a seat and who has paid.
SELECT d.id, d.detail
FROM (
    SELECT g.id::text AS id, format('cancelled guest has %s that nobody gives back', m.kept) AS detail
    FROM guests g
    JOIN LATERAL (SELECT sum(p.amount - p.refunded_amount - p.refunding_amount) AS kept
                  FROM payments p WHERE p.guest_id = g.id AND p.status = 'succeeded') m ON m.kept > 0
    WHERE g.status = 'cancelled'
    UNION ALL
    SELECT g.id::text, format('%s guest has %s open payments', g.status, m.open)
    FROM guests g
    JOIN LATERAL (SELECT count(*) AS open FROM payments p
                  WHERE p.guest_id = g.id AND p.status IN ('created', 'requires_payment', 'failed')) m ON true
    WHERE m.open > CASE g.status WHEN 'pending' THEN 1 ELSE 0 END
    UNION ALL
    SELECT g.id::text, 'pending guest has no payment that may still come'
    FROM guests g
    WHERE g.status = 'pending'
      AND NOT EXISTS (SELECT FROM payments p WHERE p.guest_id = g.id
                      AND p.status IN ('created', 'requires_payment', 'failed', 'disputed'))
    UNION ALL
    SELECT g.id::text, 'confirmed guest had paid and has everything back'
    FROM guests g
    JOIN LATERAL (SELECT sum(p.amount - p.refunded_amount) AS kept
                  FROM payments p WHERE p.guest_id = g.id AND p.status = 'succeeded') m ON m.kept = 0
    -- one who was refunded while checked in, and whose admission was then undone, is confirmed again
    WHERE g.status = 'confirmed'
      AND NOT EXISTS (SELECT FROM ticket_scans s WHERE s.guest_id = g.id AND s.undone)
    UNION ALL
    -- one who has no payment at all came by an import
    SELECT g.id::text, format('%s guest has payments, none of which was paid', g.status)
    FROM guests g JOIN ticket_types y ON y.id = g.ticket_type_id
    WHERE g.status IN ('confirmed', 'checked_in') AND y.price > 0
      AND EXISTS (SELECT FROM payments p WHERE p.guest_id = g.id)
      AND NOT EXISTS (SELECT FROM payments p WHERE p.guest_id = g.id AND p.status = 'succeeded')
) d
ORDER BY d.detail, d.id
LIMIT $1::bigint
