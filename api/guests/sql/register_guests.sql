-- $1 members, $2 life of a hold in seconds, $3 unpaid holds a caller may have, $4 budget of the payment call in ms,
-- $5 leave out events that another transaction holds.
--
-- The function's plans are made once a session, maybe while the tables are empty, when to read a whole table for a join
-- is cheapest; on full ones that is what a batch then costs. So no such plan may be chosen.
SELECT ord, outcome, replayed, body, id, status, locale, created_at, ticket_id, ticket_code, job_id, job_type, payment_id,
       payment_key, amount, currency, expires_at, deadline_at, event_title
FROM (SELECT set_config('enable_material', 'off', true) || set_config('enable_bitmapscan', 'off', true)) AS planner (said)
-- what it said is used so that it comes first
CROSS JOIN LATERAL register_guests($1::jsonb, CASE WHEN planner.said IS NOT NULL THEN $2::integer END, $3::integer,
                                   $4::integer, $5::boolean)
