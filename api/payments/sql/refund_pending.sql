-- The service took it and will tell by webhook. $1 refund, $2 the service's id.
UPDATE refunds SET refund_id = $2::text, status = 'requested', next_at = NULL, last_error = NULL, updated_at = now()
WHERE id = $1::bigint AND status IN ('requested', 'failed')
