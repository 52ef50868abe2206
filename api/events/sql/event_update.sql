-- $11: 1 when the guests that there are must be told. A zone that is not known here fails with 22023.
UPDATE events
SET title = $2::text, description = $3::text, event_date = $4::timestamptz, end_date = $5::timestamptz,
    time_zone = $6::text, location = $7::text, max_attendees = $8::integer, currency = $9::text, locale = $10::text,
    change_seq = change_seq + $11::bigint,
    telling_until = CASE $11 WHEN 1 THEN coalesce((SELECT max(g.id) FROM guests g WHERE g.event_id = $1::bigint), 0)
                             ELSE telling_until END,
    edit_version = edit_version + 1, updated_at = clock_timestamp()
WHERE id = $1 AND now() AT TIME ZONE $6::text IS NOT NULL
