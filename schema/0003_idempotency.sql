-- What is known of a caller's key: ok (nothing), replay (with the first answer), or the slug of a refusal.
-- Two statements, so that the second sees what committed just before the lock was free.
CREATE FUNCTION idempotency_begin(p_caller BIGINT, p_key TEXT, p_fingerprint TEXT)
    RETURNS TABLE (outcome TEXT, status INTEGER, body TEXT, location TEXT, etag TEXT)
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF NOT lock_idempotency_key(p_caller, p_key, false) THEN
        RETURN QUERY SELECT 'idempotency-in-flight'::text, NULL::integer, NULL::text, NULL::text, NULL::text;
        RETURN;
    END IF;
    RETURN QUERY
        SELECT CASE WHEN encode(k.fingerprint, 'hex') <> p_fingerprint THEN 'idempotency-mismatch'
                    WHEN k.state = 'held' THEN 'idempotency-in-flight'
                    ELSE 'replay' END,
               k.status, k.body, k.location, k.etag
        FROM idempotency_keys k
        WHERE k.caller_id = p_caller AND k.key = p_key AND k.expires_at > clock_timestamp();
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'ok'::text, NULL::integer, NULL::text, NULL::text, NULL::text;
    END IF;
END $$;
