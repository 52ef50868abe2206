SELECT id, guest_id, event_id, amount, currency, status FROM payments WHERE intent_id = $1::text
