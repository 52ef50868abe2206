-- Each cause's mail once by its key: none that nobody noted, none missing that was noted.
SELECT 0, format('%s to %s: %s made, %s noted, %s of them sent', coalesce(n.kind, m.template),
                 coalesce(n.email, m.recipient), coalesce(m.made, 0), coalesce(n.noted, 0), coalesce(n.sent, 0))
FROM (SELECT template, recipient, count(DISTINCT key) AS made FROM chaos.mails GROUP BY 1, 2) m
FULL JOIN (SELECT n.kind, g.email, count(*) AS noted, count(*) FILTER (WHERE n.status = 'sent') AS sent
           FROM notifications n JOIN guests g ON g.id = n.guest_id GROUP BY 1, 2) n
    ON n.kind = m.template AND n.email = m.recipient
WHERE coalesce(m.made, 0) > coalesce(n.noted, 0) OR coalesce(m.made, 0) < coalesce(n.sent, 0)
UNION ALL
-- of the last issue; what the event's end overtook is dropped
SELECT 0, format('guest %s is %s and has %s sent mails with issue %s of his ticket', g.id, g.status, count(n.id), t.issue)
FROM guests g
JOIN events e ON e.id = g.event_id
JOIN tickets t ON t.guest_id = g.id
LEFT JOIN notifications n ON n.guest_id = g.id AND n.kind = 'ticket-issued' AND n.cause_id = t.issue
    AND (n.status = 'sent' OR (n.status = 'dropped' AND e.status = 'cancelled'))
WHERE g.status IN ('confirmed', 'checked_in')
GROUP BY g.id, t.issue HAVING count(n.id) <> 1
UNION ALL
SELECT 0, format('mail %s of guest %s is %s: %s', n.kind, n.guest_id, n.status, n.last_error)
FROM notifications n WHERE n.status IN ('queued', 'failed')
