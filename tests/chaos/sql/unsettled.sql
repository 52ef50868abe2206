-- What still goes on by itself. Empty: the dust has settled.
SELECT w.what || ' ' || count(*)
FROM (
    SELECT job_type AS what FROM outbox WHERE state = 'sent'
    UNION ALL SELECT 'pending guest' FROM guests WHERE status = 'pending'
    UNION ALL SELECT 'payment ' || status FROM payments WHERE status IN ('created', 'requires_payment', 'failed')
    UNION ALL SELECT 'intent to cancel' FROM payments WHERE void_at IS NOT NULL
    UNION ALL SELECT 'refund ' || status FROM refunds WHERE status IN ('requested', 'failed')
    UNION ALL SELECT 'import ' || status FROM imports WHERE status IN ('queued', 'running')
    UNION ALL SELECT 'webhook' FROM payment_messages WHERE state = 'waiting'
    UNION ALL SELECT 'event cancelled with guests' FROM events e
        WHERE e.status = 'cancelled'
          AND EXISTS (SELECT FROM guests g WHERE g.event_id = e.id AND g.status NOT IN ('cancelled', 'checked_in'))
    UNION ALL SELECT 'change to tell' FROM events WHERE told_seq < change_seq OR renewed_seq < page_seq
) w
GROUP BY w.what ORDER BY w.what
