-- The oldest $2 jobs of type $1, those to be done before the dead ones, and what they are about now.
SELECT o.id, o.job_type AS type, o.subject_id, o.state, o.deliveries, o.attempts, o.next_at, o.created_at,
       o.last_error AS reason, o.request_id, coalesce(
           (SELECT jsonb_build_object('ticketId', t.id, 'eventId', t.event_id, 'guestId', t.guest_id,
                                      'status', t.status, 'issue', t.issue, 'docVersion', t.doc_version)
            FROM tickets t WHERE o.job_type = 'generate-ticket-pdf' AND t.id = o.subject_id),
           (SELECT jsonb_build_object('notificationId', n.id, 'kind', n.kind, 'eventId', n.event_id,
                                      'guestId', n.guest_id, 'causeId', n.cause_id, 'status', n.status)
            FROM notifications n WHERE o.job_type = 'send-email' AND n.id = o.subject_id)) AS payload
FROM outbox o
WHERE o.job_type = $1::text
ORDER BY o.state DESC, o.created_at, o.id
LIMIT $2::bigint
