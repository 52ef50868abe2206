-- Claims that are missing leave what is known.
INSERT INTO users AS u (id, email, first_name, last_name)
VALUES ($1::bigint, $2::text, $3::text, $4::text)
ON CONFLICT (id) DO UPDATE
    SET email = coalesce(excluded.email, u.email), first_name = coalesce(excluded.first_name, u.first_name),
        last_name = coalesce(excluded.last_name, u.last_name), updated_at = now()
    WHERE (u.email, u.first_name, u.last_name)
          IS DISTINCT FROM (coalesce(excluded.email, u.email), coalesce(excluded.first_name, u.first_name),
                            coalesce(excluded.last_name, u.last_name))
