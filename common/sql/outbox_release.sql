-- Jobs handed back without having been begun: $1 ids, $2 their deliveries.
WITH asked AS (
	SELECT id, deliveries FROM unnest($1::uuid[], $2::int[]) AS a (id, deliveries)
), held AS (
	SELECT o.id
	FROM outbox o JOIN asked a ON a.id = o.id
	WHERE o.deliveries = a.deliveries AND o.state = 'sent'
	ORDER BY o.id
	FOR NO KEY UPDATE OF o
)
UPDATE outbox o SET deliveries = o.deliveries - 1
FROM held h WHERE o.id = h.id
RETURNING o.id
