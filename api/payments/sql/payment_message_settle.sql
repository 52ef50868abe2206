UPDATE payment_messages SET state = $2::text WHERE webhook_id = $1::text
