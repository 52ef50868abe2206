-- Those of the intents $1 that no payment has.
SELECT i.id FROM unnest($1::text[]) WITH ORDINALITY AS i (id, place)
WHERE NOT EXISTS (SELECT FROM payments p WHERE p.intent_id = i.id)
ORDER BY i.place
