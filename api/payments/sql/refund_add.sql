-- $1 payment, $2 amount, $3 currency, $4 cause, $5 the service's id or NULL, $6 is the service to be asked?
WITH made AS (
    INSERT INTO refunds (payment_id, amount, currency, status, cause, refund_id, next_at)
    VALUES ($1::bigint, $2::numeric, $3::text, 'requested', $4::text, $5::text, CASE WHEN $6::boolean THEN now() END)
    RETURNING id, payment_id, amount
), payment AS (
    UPDATE payments p SET refunding_amount = p.refunding_amount + made.amount, updated_at = now()
    FROM made WHERE p.id = made.payment_id
)
SELECT id FROM made
