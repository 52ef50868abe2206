SELECT count(*) FROM ticket_types WHERE event_id = $1::bigint AND deleted_at IS NULL
