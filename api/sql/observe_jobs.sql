-- Dead jobs, and the age in seconds of the oldest job that is not done, by type.
SELECT job_type, count(*) FILTER (WHERE state = 'dead'),
       coalesce(ceil(extract(epoch FROM now() - min(created_at) FILTER (WHERE state = 'sent'))), 0)::bigint
FROM outbox GROUP BY job_type
