-- Mails that should have been written and were not, or tell of what never was.
SELECT d.id, d.detail
FROM (
    SELECT n.id::text AS id, format('notification %s is sent, at no time and by %s attempts', n.kind, n.attempts) AS detail
    FROM notifications n
    WHERE n.status = 'sent' AND (n.sent_at IS NULL OR n.attempts < 1)
    UNION ALL
    SELECT t.id::text, format('ticket is ready at issue %s, mailed was %s', t.issue, t.mailed_issue)
    FROM tickets t WHERE t.status = 'ready' AND t.mailed_issue < t.issue
    UNION ALL
    SELECT n.id::text, format('tells of issue %s of a ticket that has %s', n.cause_id, coalesce(t.issue, 0))
    FROM notifications n LEFT JOIN tickets t ON t.guest_id = n.guest_id
    WHERE n.kind = 'ticket-issued' AND n.cause_id > coalesce(t.issue, 0)
    UNION ALL
    SELECT p.id::text, format('payment waits for guest %s, whom no mail told', p.guest_id)
    FROM payments p JOIN guests g ON g.id = p.guest_id AND g.status = 'pending'
    WHERE p.status = 'requires_payment'
      AND NOT EXISTS (SELECT FROM notifications n
                      WHERE n.guest_id = p.guest_id AND n.kind = 'payment-due' AND n.cause_id = p.id)
    UNION ALL
    -- a registration whose payment never came about is deleted, and nobody was told of it
    SELECT g.id::text, 'guest is cancelled and no mail told of it'
    FROM guests g
    WHERE g.status = 'cancelled' AND g.deleted_at IS NULL
      AND NOT EXISTS (SELECT FROM notifications n WHERE n.guest_id = g.id
                      AND n.kind IN ('registration-cancelled', 'event-cancelled', 'refund-done'))
) d
ORDER BY d.detail, d.id
LIMIT $1::bigint
