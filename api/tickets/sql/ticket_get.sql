SELECT id, event_id, guest_id, ticket_type_id, ticket_code, status, validated_at, created_at, updated_at, edit_version
FROM tickets
WHERE id = $1::bigint
