-- Refunds of these payments, oldest first. $1 payments.
SELECT id, payment_id, amount, currency, status, created_at FROM refunds WHERE payment_id = ANY ($1::bigint[]) ORDER BY id
