-- What the API should have done by itself ten minutes ago.
SELECT d.id, d.detail
FROM (
    SELECT e.id::text AS id, format('event is %s, and should have gone on at %s', e.status, e.due) AS detail
    FROM (SELECT id, status, CASE status WHEN 'published' THEN event_date
                                         ELSE coalesce(end_date, event_date + interval '24 hours') END AS due
          FROM events WHERE status IN ('published', 'active') AND deleted_at IS NULL) e
    WHERE e.due < now() - interval '10 minutes'
    UNION ALL
    SELECT e.id::text, format('event is cancelled, %s guests are not', count(*))
    FROM events e JOIN guests g ON g.event_id = e.id AND g.status NOT IN ('cancelled', 'checked_in')
    WHERE e.status = 'cancelled' AND e.cancel_after IS NULL
    GROUP BY e.id
    UNION ALL
    SELECT p.id::text, format('hold of guest %s ended at %s, payment is %s', p.guest_id, p.expires_at, p.status)
    FROM payments p
    WHERE p.status IN ('requires_payment', 'failed', 'disputed') AND p.next_at IS DISTINCT FROM 'infinity'::timestamptz
      AND p.expires_at < now() - interval '10 minutes'
    UNION ALL
    SELECT p.id::text, format('payment is created, its request ended at %s', p.deadline_at)
    FROM payments p WHERE p.status = 'created' AND p.deadline_at < now() - interval '10 minutes'
    UNION ALL
    SELECT p.id::text, format('intent is to be cancelled since %s', p.void_at)
    FROM payments p WHERE p.void_at < now() - interval '10 minutes'
    UNION ALL
    SELECT r.id::text, format('refund is %s and was due at %s', r.status, r.next_at)
    FROM refunds r WHERE r.next_at < now() - interval '10 minutes'
    UNION ALL
    SELECT i.id::text, format('import is %s at row %s since %s', i.status, i.processed, i.next_at)
    FROM imports i WHERE i.status IN ('queued', 'running') AND i.next_at < now() - interval '10 minutes'
) d
ORDER BY d.detail, d.id
LIMIT $1::bigint
