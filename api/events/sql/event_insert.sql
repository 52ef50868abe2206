-- A zone that is not known here fails with 22023.
INSERT INTO events (title, description, event_date, end_date, time_zone, location, max_attendees, currency, locale,
                    organizer_id)
SELECT $1::text, $2::text, $3::timestamptz, $4::timestamptz, $5::text, $6::text, $7::integer, $8::text, $9::text,
       $10::bigint
WHERE now() AT TIME ZONE $5::text IS NOT NULL
RETURNING id
