SELECT t.id::text AS id,
       format('ticket is validated at %s, guest %s is %s since %s', coalesce(t.validated_at::text, 'no time'), g.id,
              g.status, coalesce(g.checked_in_at::text, 'no time')) AS detail
FROM tickets t
JOIN guests g ON g.id = t.guest_id
WHERE t.is_validated <> (g.status = 'checked_in') OR t.validated_at IS DISTINCT FROM g.checked_in_at
ORDER BY t.id
LIMIT $1::bigint
