-- $2 NULL: no guest was left, the cascade is over.
UPDATE events SET cancel_after = $2::bigint WHERE id = $1::bigint
