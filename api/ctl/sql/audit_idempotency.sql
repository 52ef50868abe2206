-- One effect a key, and one key an effect.
SELECT d.id, d.detail
FROM (
    SELECT min(g.id)::text AS id, format('guests %s are of one attempt', string_agg(g.id::text, ' ' ORDER BY g.id)) AS detail
    FROM guests g GROUP BY g.attempt_id HAVING count(*) > 1
    UNION ALL
    SELECT k.key, format('key of caller %s made guest %s, who %s', k.caller_id, k.guest_id,
                         coalesce('was registered by ' || g.registered_by, 'does not exist'))
    FROM idempotency_keys k LEFT JOIN guests g ON g.id = k.guest_id
    WHERE k.guest_id IS NOT NULL AND g.registered_by IS DISTINCT FROM k.caller_id
    UNION ALL
    SELECT min(k.key), format('%s keys made guest %s', count(*), k.guest_id)
    FROM idempotency_keys k WHERE k.guest_id IS NOT NULL
    GROUP BY k.guest_id HAVING count(*) > 1
    UNION ALL
    SELECT k.key, format('key of caller %s holds guest %s since %s', k.caller_id, k.guest_id, k.created_at)
    FROM idempotency_keys k WHERE k.state = 'held' AND k.deadline_at < now() - interval '10 minutes'
) d
ORDER BY d.detail, d.id
LIMIT $1::bigint
