-- Sums of money that contradict each other.
SELECT d.id, d.detail
FROM (
    SELECT p.id::text AS id, format('refunded_amount is %s, its refunds done are %s', p.refunded_amount, s.done) AS detail
    FROM payments p
    CROSS JOIN LATERAL (SELECT coalesce(sum(r.amount) FILTER (WHERE r.status = 'done'), 0) AS done
                        FROM refunds r WHERE r.payment_id = p.id) s
    WHERE p.refunded_amount <> s.done
    UNION ALL
    SELECT p.id::text, format('refunding_amount is %s, its refunds under way are %s', p.refunding_amount, s.open)
    FROM payments p
    CROSS JOIN LATERAL (SELECT coalesce(sum(r.amount) FILTER (WHERE r.status <> 'done'), 0) AS open
                        FROM refunds r WHERE r.payment_id = p.id) s
    WHERE p.refunding_amount <> s.open
    UNION ALL
    SELECT r.id::text, format('refund of payment %s is in %s, the money came in %s', p.id, r.currency,
                              coalesce(p.received_currency, p.currency))
    FROM refunds r JOIN payments p ON p.id = r.payment_id
    WHERE r.currency <> CASE p.status WHEN 'disputed' THEN coalesce(p.received_currency, p.currency) ELSE p.currency END
) d
ORDER BY d.detail, d.id
LIMIT $1::bigint
