-- What guests are found by against what they say.
SELECT d.id, d.detail
FROM (
    SELECT coalesce(g.id, s.guest_id)::text AS id,
           CASE WHEN s.guest_id IS NULL THEN 'no search finds the guest'
                WHEN g.id IS NULL THEN 'a search finds a guest who is not there'
                WHEN s.event_id <> g.event_id THEN format('guest is of event %s, found in event %s', g.event_id, s.event_id)
                ELSE 'guest is found by other words than it has' END AS detail
    FROM guests g FULL JOIN guest_search s ON s.guest_id = g.id
    WHERE (s.event_id, s.words) IS DISTINCT FROM (g.event_id, guest_words(g.first_name, g.last_name, g.email))
) d
ORDER BY d.detail, d.id
LIMIT $1::bigint
