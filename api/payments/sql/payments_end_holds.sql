-- $1 payments, $2 those of them whose intents are still to be cancelled, $3 request, $4 trace.
SELECT h.ended, array_to_string(h.jobs, ',') AS jobs
FROM end_holds($1::bigint[], ARRAY(SELECT p.id = ANY ($2::bigint[]) FROM unnest($1::bigint[]) AS p (id)),
               $3::text, $4::text) AS h
