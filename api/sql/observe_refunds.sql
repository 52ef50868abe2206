SELECT status, count(*) FROM refunds WHERE status <> 'done' GROUP BY status
