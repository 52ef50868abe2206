-- Refund what is left of a guest's succeeded payments, all locked: on-site money at once, the rest through the service.
-- $1 guest, $2 cause, $3 this payment alone, or NULL.
WITH rest AS MATERIALIZED (
    SELECT id, event_id, method, currency, amount - refunded_amount - refunding_amount AS amount
    FROM payments
    WHERE guest_id = $1::bigint AND status = 'succeeded' AND amount > refunded_amount + refunding_amount
      AND ($3::bigint IS NULL OR id = $3)
), made AS (
    INSERT INTO refunds (payment_id, amount, currency, status, cause, next_at, done_at)
    SELECT id, amount, currency, CASE method WHEN 'on_site' THEN 'done' ELSE 'requested' END, $2::text,
           CASE method WHEN 'intent' THEN now() END, CASE method WHEN 'on_site' THEN now() END
    FROM rest
), payment AS (
    UPDATE payments p
    SET refunded_amount = p.refunded_amount + CASE p.method WHEN 'on_site' THEN rest.amount ELSE 0 END,
        refunding_amount = p.refunding_amount + CASE p.method WHEN 'intent' THEN rest.amount ELSE 0 END,
        updated_at = now()
    FROM rest WHERE p.id = rest.id
)
INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n, amount)
SELECT rest.event_id, g.ticket_type_id, quarter_of(now()), 'refunded', 1, rest.amount
FROM rest JOIN guests g ON g.id = $1
WHERE rest.method = 'on_site'
