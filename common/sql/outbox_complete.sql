-- Jobs whose effect this transaction holds: $1 ids, $2 their deliveries.
WITH asked AS (
	SELECT id, deliveries FROM unnest($1::uuid[], $2::int[]) AS a (id, deliveries)
), held AS (
	SELECT o.id
	FROM outbox o JOIN asked a ON a.id = o.id
	WHERE o.deliveries = a.deliveries
	ORDER BY o.id
	FOR UPDATE OF o
)
DELETE FROM outbox o USING held h WHERE o.id = h.id
RETURNING o.id
