-- What a run found, check by check: $1 their names, $2 rows that should not be.
INSERT INTO audit_runs (name, drift)
SELECT * FROM unnest($1::text[], $2::bigint[])
ON CONFLICT (name) DO UPDATE SET drift = excluded.drift, ran_at = now()
