SELECT t.type,
       count(o.id) FILTER (WHERE o.state = 'sent') AS waiting,
       count(o.id) FILTER (WHERE o.state = 'dead') AS dead,
       coalesce(extract(epoch FROM now() - min(o.created_at) FILTER (WHERE o.state = 'sent')), 0)::bigint
           AS oldest_seconds
FROM unnest($1::text[]) WITH ORDINALITY AS t (type, place)
LEFT JOIN outbox o ON o.job_type = t.type
GROUP BY t.type, t.place
ORDER BY t.place
