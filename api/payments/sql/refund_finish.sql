-- The money went back. $1 refund, $2 the service's id or NULL. No row: it was done already.
WITH done AS (
    UPDATE refunds
    SET status = 'done', refund_id = coalesce(refund_id, $2::text), done_at = now(), next_at = NULL,
        last_error = NULL, updated_at = now()
    WHERE id = $1::bigint AND status <> 'done'
    RETURNING payment_id, amount, cause
)
UPDATE payments p
SET refunded_amount = p.refunded_amount + done.amount, refunding_amount = p.refunding_amount - done.amount,
    updated_at = now()
FROM done WHERE p.id = done.payment_id
RETURNING done.amount, done.cause, p.status,
          p.refunded_amount = CASE p.status WHEN 'disputed' THEN p.received_amount ELSE p.amount END AS whole,
          (SELECT coalesce(sum(o.amount - o.refunded_amount), 0) FROM payments o
           WHERE o.guest_id = p.guest_id AND o.id <> p.id AND o.status = 'succeeded') AS other_money
