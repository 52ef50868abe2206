-- Begin jobs: $1 ids, $2 deliveries at most. Those delivered for the first time begin together; one
-- delivered before begins alone. Rows are locked by id first, then changed.
WITH held AS (
	SELECT id, state, deliveries, next_at
	FROM outbox
	WHERE id = ANY ($1::uuid[])
	ORDER BY id
	FOR NO KEY UPDATE
), judged AS (
	SELECT id, ceil(extract(epoch FROM next_at - now()) * 1000)::bigint AS wait_ms,
	       CASE WHEN state <> 'sent' THEN 'gone'
	            WHEN deliveries >= $2::int THEN 'worn'
	            -- a second for clocks that differ
	            WHEN next_at > now() + interval '1 second' THEN 'early'
	            WHEN deliveries = 0 THEN 'first'
	            ELSE 'again' END AS verdict
	FROM held
), chosen AS (
	SELECT id FROM judged WHERE verdict = 'first'
	UNION ALL
	(SELECT id FROM judged
	 WHERE verdict = 'again' AND NOT EXISTS (SELECT FROM judged WHERE verdict = 'first')
	 ORDER BY id LIMIT 1)
), begun AS (
	UPDATE outbox o SET deliveries = o.deliveries + 1, begun_at = now()
	FROM chosen c WHERE o.id = c.id
	RETURNING o.id, o.subject_id, o.deliveries, o.attempts, o.request_id, o.traceparent
), worn AS (
	UPDATE outbox o
	SET state = 'dead',
	    last_error = 'delivered ' || o.deliveries || ' times, never finished'
	                 || coalesce('; before: ' || left(o.last_error, 400), '')
	FROM judged j WHERE o.id = j.id AND j.verdict = 'worn'
)
SELECT j.id,
       CASE WHEN b.id IS NOT NULL THEN 'begun'
            WHEN j.verdict IN ('first', 'again') THEN 'later'
            ELSE j.verdict END AS verdict,
       j.wait_ms, b.subject_id, b.deliveries, b.attempts, b.request_id, b.traceparent
FROM judged j LEFT JOIN begun b ON b.id = j.id
