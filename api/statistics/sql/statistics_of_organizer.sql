-- $1 organizer: a row a currency, the sums over all currencies in each; one row with a NULL currency
-- when there are no events.
WITH mine AS MATERIALIZED (
    SELECT id, currency, current_attendees FROM events WHERE organizer_id = $1::bigint AND deleted_at IS NULL
), counted AS (
    SELECT mine.currency, c.kind, c.n, c.amount
    FROM mine
    CROSS JOIN LATERAL (
        SELECT s.kind, s.n, s.amount FROM event_statistics s
        WHERE s.event_id = mine.id AND s.kind IN ('check_ins', 'gross', 'refunded')
        UNION ALL
        SELECT d.kind, d.n, d.amount FROM statistics_deltas d
        WHERE d.event_id = mine.id AND d.kind IN ('check_ins', 'gross', 'refunded')
    ) c
), total AS (
    SELECT (SELECT count(*) FROM mine) AS events,
           (SELECT coalesce(sum(current_attendees), 0) FROM mine) AS total_guests,
           (SELECT coalesce(sum(n), 0) FROM counted WHERE kind = 'check_ins') AS checked_in_guests
), money AS (
    SELECT mine.currency, coalesce(gross, 0) AS gross, coalesce(refunded, 0) AS refunded
    FROM (SELECT DISTINCT currency FROM mine) mine
    LEFT JOIN (SELECT currency, sum(amount) FILTER (WHERE kind = 'gross') AS gross,
                      sum(amount) FILTER (WHERE kind = 'refunded') AS refunded
               FROM counted GROUP BY 1) c USING (currency)
)
SELECT total.events, total.total_guests, total.checked_in_guests,
       money.currency, money.gross, money.refunded, money.gross - money.refunded AS net
FROM total LEFT JOIN money ON true
ORDER BY money.currency
