-- Jobs without a cause, that are over already, or that were given up without a word.
SELECT d.id, d.detail
FROM (
    SELECT o.id::text AS id, format('%s of %s, which does not exist', o.job_type, o.subject_id) AS detail
    FROM outbox o
    WHERE CASE o.job_type
              WHEN 'generate-ticket-pdf' THEN NOT EXISTS (SELECT FROM tickets t WHERE t.id = o.subject_id)
              WHEN 'send-email' THEN NOT EXISTS (SELECT FROM notifications n WHERE n.id = o.subject_id)
              ELSE true END
    UNION ALL
    SELECT o.id::text, format('send-email of %s, which is %s', n.id, n.status)
    FROM outbox o JOIN notifications n ON n.id = o.subject_id
    WHERE o.job_type = 'send-email' AND o.state = 'sent' AND n.status IN ('sent', 'dropped')
    UNION ALL
    SELECT o.id::text, format('%s of %s is dead for no reason', o.job_type, o.subject_id)
    FROM outbox o WHERE o.state = 'dead' AND coalesce(o.last_error, '') = ''
) d
ORDER BY d.detail, d.id
LIMIT $1::bigint
