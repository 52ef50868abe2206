-- Gauges read at a scrape: active events, and the age in seconds of the oldest job not done.
SELECT (SELECT count(*) FROM events WHERE status = 'active' AND deleted_at IS NULL),
       (SELECT coalesce(ceil(extract(epoch FROM now() - min(created_at))), 0)::bigint
        FROM outbox WHERE state = 'sent')
