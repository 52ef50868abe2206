SELECT t.id::text AS id,
       format('ticket is %s, guest %s is %s', CASE WHEN t.is_validated THEN 'validated' ELSE 'not validated' END,
              g.id, g.status) AS detail
FROM tickets t
JOIN guests g ON g.id = t.guest_id
WHERE t.is_validated <> (g.status = 'checked_in')
ORDER BY t.id
