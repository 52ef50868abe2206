-- The ticket alone, each once, in the order in which the load shows them: none is updated in vain.
\set turn :turn + 1
\set id :turn * 32 + :client_id - 31
UPDATE tickets SET is_validated = true, validated_at = now() WHERE id = :id AND NOT is_validated AND status = 'ready';
