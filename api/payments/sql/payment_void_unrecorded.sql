-- An intent that came after its payment had ended: known from now on, and to be cancelled. $1 payment, $2 intent.
UPDATE payments SET intent_id = coalesce(intent_id, $2::text), void_at = now(), updated_at = now()
WHERE id = $1::bigint AND status = 'void'
