-- Refunds that are not done, those that need an operator first.
SELECT id::text, payment_id::text, status, amount || ' ' || currency AS amount, cause, attempts, created_at, last_error
FROM refunds
WHERE status <> 'done'
ORDER BY status <> 'dead', id
