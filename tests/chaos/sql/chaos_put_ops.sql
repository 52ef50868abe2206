INSERT INTO chaos.ops SELECT * FROM jsonb_populate_recordset(NULL::chaos.ops, $1::jsonb)
