SELECT job_type, count(*) FROM outbox WHERE state = 'dead' GROUP BY job_type
