-- What a refund needs to know. $1 payment.
SELECT p.id, p.guest_id, p.event_id, p.method, p.status, p.intent_id,
       CASE p.status WHEN 'disputed' THEN coalesce(p.received_currency, p.currency) ELSE p.currency END AS currency,
       CASE p.status WHEN 'succeeded' THEN p.amount WHEN 'disputed' THEN coalesce(p.received_amount, 0) ELSE 0 END
           AS paid_amount,
       p.refunded_amount, p.refunding_amount
FROM payments p
WHERE p.id = $1::bigint
