INSERT INTO payments (event_id, guest_id, method, status, amount, currency, payment_key, paid_at)
VALUES ($1::bigint, $2::bigint, 'on_site', 'succeeded', $3::numeric, $4::text, $5::uuid, now())
