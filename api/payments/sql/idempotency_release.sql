-- A hold that was given back: the key starts afresh. $1 guest.
DELETE FROM idempotency_keys WHERE guest_id = $1::bigint AND state = 'held' AND caller_id = $2::bigint AND key = $3::text
