INSERT INTO chaos.mails
SELECT m ->> 'id', m ->> 'idempotencyKey', m ->> 'template', m ->> 'to'
FROM jsonb_array_elements($1::jsonb -> 'data') AS m
