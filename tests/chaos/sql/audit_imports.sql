-- Each row of a file is one guest, however often the file was sent and whoever died over it.
WITH files AS (
    SELECT o.email AS name, o.amount AS rows, count(*) FILTER (WHERE o.outcome = 'ok') AS taken,
           count(*) FILTER (WHERE o.outcome = 'unknown') AS doubtful,
           count(*) FILTER (WHERE i.status = 'done' AND i.total = o.amount AND i.rejected = 0) AS whole,
           coalesce(sum(i.created), 0) AS created, min(o.number) AS number
    FROM chaos.ops o LEFT JOIN imports i ON i.id = o.value::bigint
    WHERE o.kind = 'import'
    GROUP BY 1, 2
), there AS (
    SELECT f.name, count(g.id) AS guests, count(DISTINCT lower(g.email)) AS addresses
    FROM files f LEFT JOIN guests g ON g.external_id LIKE f.name || '-%'
    GROUP BY 1
)
SELECT f.number, format('rows of %s: %s guests of %s addresses for %s rows, %s files taken, %s of them whole, %s made',
                        f.name, t.guests, t.addresses, f.rows, f.taken, f.whole, f.created)
FROM files f JOIN there t USING (name)
WHERE t.guests <> t.addresses OR t.guests NOT IN (0, f.rows) OR (t.guests = 0 AND f.taken > 0)
   OR (t.guests > 0 AND f.taken + f.doubtful = 0)
   OR f.whole <> f.taken OR f.created > f.rows OR (f.doubtful = 0 AND f.created <> t.guests)
UNION ALL
SELECT 0, format('%s imports for %s files taken and %s doubtful', count(*), min(o.taken), min(o.doubtful))
FROM imports i
CROSS JOIN (SELECT count(*) FILTER (WHERE outcome = 'ok') AS taken,
                   count(*) FILTER (WHERE outcome = 'unknown') AS doubtful FROM chaos.ops WHERE kind = 'import') o
WHERE i.status <> 'receiving'
HAVING count(*) < min(o.taken) OR count(*) > min(o.taken) + min(o.doubtful)
