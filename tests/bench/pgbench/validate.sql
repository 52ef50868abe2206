\set id random(1, :tickets)
UPDATE tickets SET is_validated = true, validated_at = now() WHERE id = :id AND NOT is_validated AND status = 'ready';
