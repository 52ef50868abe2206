-- $1 members.
SELECT ord, outcome, replayed, ticket_id, guest_id, first_name, last_name, type, ticket_type, validated_at
FROM admit_tickets($1::jsonb)
ORDER BY ord
