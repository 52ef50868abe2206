-- One registration a call and transaction.
\set event random(1, :events)
SELECT outcome FROM register_guest(jsonb_build_object('ord', 0, 'attempt_id', gen_random_uuid(), 'event_id', :event::bigint, 'caller_id', 1001 + (random() * 900)::int, 'is_admin', false, 'ticket_type_id', :event::bigint * 2 - 1, 'first_name', 'First', 'last_name', 'Last', 'email', gen_random_uuid() || '@example.com', 'type', 'regular', 'ticket_code', 'EVT-' || replace(gen_random_uuid()::text, '-', ''), 'job_id', gen_random_uuid(), 'payment_key', gen_random_uuid(), 'again', false), 900, 10, 3000);
