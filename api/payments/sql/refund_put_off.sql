-- An attempt that failed: again after a while (5 s, then three times as long each, and up to a fifth more), ten times in
-- all and at most 20 h, then dead. $1 refund, $2 error, $3 was the service asked at all? Gives the new state.
UPDATE refunds
SET attempts = attempts + $3::boolean::integer,
    status = CASE WHEN attempts + $3::boolean::integer >= 10 OR tried_from < now() - interval '20 hours' THEN 'dead'
                  WHEN $3 THEN 'failed' ELSE status END,
    next_at = CASE WHEN attempts + $3::boolean::integer >= 10 OR tried_from < now() - interval '20 hours' THEN NULL
                   WHEN $3 THEN clock_timestamp() + 5 * 3 ^ attempts * (1 + random() / 5) * interval '1 second'
                   ELSE clock_timestamp() + interval '5 seconds' END,
    last_error = $2::text, updated_at = now()
WHERE id = $1::bigint AND status IN ('requested', 'failed') AND next_at IS NOT NULL
RETURNING status
