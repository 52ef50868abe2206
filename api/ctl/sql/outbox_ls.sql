-- $1 types.
SELECT t.type,
       count(o.id) FILTER (WHERE o.state = 'sent' AND o.next_at <= now() AND NOT b.running) AS waiting,
       count(o.id) FILTER (WHERE o.state = 'sent' AND o.next_at <= now() AND b.running) AS running,
       count(o.id) FILTER (WHERE o.state = 'sent' AND o.next_at > now()) AS delayed,
       count(o.id) FILTER (WHERE o.state = 'dead') AS dead,
       coalesce(extract(epoch FROM now() - min(o.created_at) FILTER (WHERE o.state = 'sent')), 0)::bigint
           AS oldest_seconds
FROM unnest($1::text[]) WITH ORDINALITY AS t (type, place)
LEFT JOIN outbox o ON o.job_type = t.type
-- a retry moves next_at behind the moment at which it was begun
LEFT JOIN LATERAL (SELECT coalesce(o.begun_at >= o.next_at, false) AS running) b ON true
GROUP BY t.type, t.place
ORDER BY t.place
