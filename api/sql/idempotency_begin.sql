-- Take the key's lock and say what is known of it. $1 caller, $2 key, $3 fingerprint in hex.
SELECT outcome, status, body, location, etag FROM idempotency_begin($1::bigint, $2::text, $3::text)
