UPDATE refunds
SET status = 'requested', attempts = 0, next_at = now(), tried_from = now(), refund_key = gen_random_uuid(),
    updated_at = now()
WHERE id = $1 AND status = 'dead'
