UPDATE payments
SET status = 'disputed', received_amount = $2::numeric, received_currency = $3::text, client_secret = NULL,
    void_at = NULL, updated_at = now()
WHERE id = $1::bigint
