SELECT name, drift, extract(epoch FROM ran_at)::bigint FROM audit_runs
