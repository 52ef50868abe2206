-- What became of a mail, while its job is still ours. $1 notification, $2 status, $3 attempts made,
-- $4 error or NULL, $5 id the service gave or NULL, $6 job, $7 its delivery
UPDATE notifications n
SET status = $2, attempts = $3, last_error = $4, service_id = coalesce($5, n.service_id),
    sent_at = CASE WHEN $2 = 'sent' THEN clock_timestamp() ELSE n.sent_at END
WHERE n.id = $1
  AND EXISTS (SELECT FROM outbox o WHERE o.id = $6::uuid AND o.deliveries = $7 FOR UPDATE)
