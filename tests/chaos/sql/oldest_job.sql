SELECT coalesce(min(created_at), now()) FROM outbox WHERE state = 'sent'
