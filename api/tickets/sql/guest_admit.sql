SELECT admit_guests(ARRAY[$1::bigint], date_trunc('milliseconds', clock_timestamp()))
