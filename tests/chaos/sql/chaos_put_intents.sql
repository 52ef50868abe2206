INSERT INTO chaos.intents
SELECT i ->> 'id', i ->> 'status', (i ->> 'amount')::numeric, (i ->> 'refunded')::numeric,
       (i ->> 'guestId')::bigint, i ->> 'idempotencyKey'
FROM jsonb_array_elements($1::jsonb -> 'data') AS i
