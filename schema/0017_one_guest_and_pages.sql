-- Registration of one member: the same locks in the same order as register_guests, then plain
-- statements instead of sets. It writes the common success by itself: a regular guest of an event on
-- sale, with a seat left. Whatever else there is to say, register_run judges, under the same locks.

-- What a winner causes beside the guest: as register_write, for one.
CREATE FUNCTION register_one_write(m registration, s registration_outcome) RETURNS VOID
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_quarter TIMESTAMPTZ := quarter_of(s.created_at);
    v_mail    BIGINT;
BEGIN
    CASE s.status
    WHEN 'confirmed' THEN
        INSERT INTO tickets (id, event_id, guest_id, ticket_type_id, ticket_code, created_at, updated_at)
        VALUES (s.ticket_id, m.event_id, s.id, m.ticket_type_id, s.ticket_code, s.created_at, s.created_at);
    WHEN 'pending' THEN
        INSERT INTO payments (id, event_id, guest_id, method, status, amount, currency, payment_key, deadline_at,
                              expires_at, created_at, updated_at)
        VALUES (s.payment_id, m.event_id, s.id, 'intent', 'created', s.amount, s.currency, s.payment_key,
                s.deadline_at, s.expires_at, s.created_at, s.created_at);
    ELSE
        v_mail := nextval('notifications_id_seq');
        INSERT INTO notifications (id, kind, event_id, guest_id, created_at)
        VALUES (v_mail, 'registration-confirmed', m.event_id, s.id, s.created_at);
    END CASE;
    IF s.job_id IS NOT NULL THEN
        INSERT INTO outbox (id, job_type, subject_id, request_id, traceparent)
        VALUES (s.job_id, s.job_type, coalesce(s.ticket_id, v_mail), m.request_id, m.traceparent);
    END IF;

    UPDATE events e SET current_attendees = e.current_attendees + 1 WHERE e.id = m.event_id;
    IF m.ticket_type_id IS NOT NULL THEN
        UPDATE ticket_types t SET sold = t.sold + 1 WHERE t.id = m.ticket_type_id;
    END IF;
    IF s.status = 'confirmed' THEN
        INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
        VALUES (m.event_id, m.ticket_type_id, v_quarter, 'guests', 1),
               (m.event_id, m.ticket_type_id, v_quarter, 'registrations', 1),
               (m.event_id, m.ticket_type_id, v_quarter, 'confirmed', 1);
    ELSIF s.status = 'registered' THEN
        INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
        VALUES (m.event_id, m.ticket_type_id, v_quarter, 'guests', 1),
               (m.event_id, m.ticket_type_id, v_quarter, 'registrations', 1);
    ELSE
        INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
        VALUES (m.event_id, m.ticket_type_id, v_quarter, 'guests', 1);
    END IF;

    IF m.idempotency_key IS NOT NULL THEN
        INSERT INTO idempotency_keys AS k (caller_id, key, fingerprint, state, status, result, guest_id, deadline_at,
                                           created_at, expires_at)
        VALUES (m.caller_id, m.idempotency_key, decode(m.fingerprint, 'hex'),
                CASE s.status WHEN 'pending' THEN 'held' ELSE 'done' END,
                CASE s.status WHEN 'pending' THEN NULL ELSE 201 END,
                CASE s.status WHEN 'pending' THEN NULL ELSE to_jsonb(s) END,
                s.id, s.deadline_at, s.created_at, s.created_at + interval '24 hours')
        ON CONFLICT ON CONSTRAINT idempotency_keys_pkey DO UPDATE
            SET fingerprint = excluded.fingerprint, state = excluded.state, status = excluded.status,
                result = excluded.result, body = NULL, location = NULL, guest_id = excluded.guest_id,
                deadline_at = excluded.deadline_at, created_at = excluded.created_at, expires_at = excluded.expires_at
            WHERE k.expires_at <= excluded.created_at;
    END IF;
END $$;

-- Parameters as those of register_guests, for one member.
CREATE FUNCTION register_guest(p_member JSONB, p_window_s INTEGER, p_holds INTEGER, p_budget_ms INTEGER,
                               p_skip_locked BOOLEAN DEFAULT false)
    RETURNS SETOF registration_outcome
    LANGUAGE plpgsql VOLATILE
    -- as register_guests has them
    SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET jit = off
    AS $$
DECLARE
    m         registration := jsonb_populate_record(NULL::registration, p_member);
    s         registration_outcome;
    v_key     BOOLEAN := true;  -- nobody else has its key now
    v_seats   INTEGER;          -- left in an event that is on sale
    v_locale  TEXT;
    v_tickets INTEGER;          -- left of a type of this event
    v_from    TIMESTAMPTZ;
    v_until   TIMESTAMPTZ;
    v_plain   BOOLEAN;
BEGIN
    s.ord := m.ord;
    s.replayed := false;
    IF m.idempotency_key IS NOT NULL THEN
        v_key := lock_idempotency_key(m.caller_id, m.idempotency_key, coalesce(m.again, false));
    END IF;
    -- Who waited for a row reads its newest version.
    IF p_skip_locked THEN
        SELECT CASE WHEN e.status IN ('published', 'active') AND e.deleted_at IS NULL
                    THEN e.max_attendees - e.current_attendees END, e.locale, e.currency, e.title
        INTO v_seats, v_locale, s.currency, s.event_title
        FROM events e WHERE e.id = m.event_id FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND AND EXISTS (SELECT FROM events e WHERE e.id = m.event_id) THEN
            s.outcome := 'busy';
            RETURN NEXT s;
            RETURN;
        END IF;
    ELSE
        SELECT CASE WHEN e.status IN ('published', 'active') AND e.deleted_at IS NULL
                    THEN e.max_attendees - e.current_attendees END, e.locale, e.currency, e.title
        INTO v_seats, v_locale, s.currency, s.event_title
        FROM events e WHERE e.id = m.event_id FOR NO KEY UPDATE;
    END IF;
    IF m.ticket_type_id IS NOT NULL THEN
        SELECT CASE WHEN t.event_id = m.event_id AND t.deleted_at IS NULL THEN t.quantity - t.sold END, t.price,
               t.sales_start_at, t.sales_end_at
        INTO v_tickets, s.amount, v_from, v_until
        FROM ticket_types t WHERE t.id = m.ticket_type_id FOR NO KEY UPDATE;
    END IF;

    s.created_at := date_trunc('milliseconds', clock_timestamp());
    s.status := CASE WHEN m.ticket_type_id IS NULL THEN 'registered' WHEN s.amount = 0 THEN 'confirmed'
                     ELSE 'pending' END;
    v_plain := v_key AND v_seats > 0 AND m.type = 'regular' AND m.external_id IS NULL
        AND (m.ticket_type_id IS NULL OR v_tickets > 0)
        AND s.created_at >= coalesce(v_from, '-infinity') AND s.created_at < coalesce(v_until, 'infinity');
    IF v_plain AND s.status = 'registered' THEN
        v_plain := NOT EXISTS (SELECT FROM ticket_types t WHERE t.event_id = m.event_id AND t.deleted_at IS NULL);
    ELSIF v_plain AND s.status = 'pending' THEN
        v_plain := (SELECT count(*) FROM guests h WHERE h.event_id = m.event_id
                    AND h.registered_by = m.caller_id AND h.status = 'pending') < p_holds;
    END IF;
    IF v_plain AND m.idempotency_key IS NOT NULL THEN
        v_plain := NOT EXISTS (SELECT FROM idempotency_keys k WHERE k.caller_id = m.caller_id
                               AND k.key = m.idempotency_key AND k.expires_at > s.created_at);
    END IF;
    IF v_plain THEN
        s.id := nextval('guests_id_seq');
        s.locale := coalesce(m.locale, v_locale);
        -- who is registered already is known by the conflict
        INSERT INTO guests (id, event_id, first_name, last_name, email, phone, type, ticket_type_id, status, locale,
                            external_id, registered_by, attempt_id, created_at, updated_at)
        VALUES (s.id, m.event_id, m.first_name, m.last_name, m.email, m.phone, m.type, m.ticket_type_id, s.status,
                s.locale, m.external_id, m.caller_id, m.attempt_id, s.created_at, s.created_at)
        ON CONFLICT DO NOTHING;
        v_plain := FOUND;
    END IF;
    IF v_plain IS NOT TRUE THEN
        RETURN QUERY
        SELECT * FROM register_run(ARRAY[m], CASE WHEN v_key THEN '{}' ELSE ARRAY[m.ord] END, p_window_s, p_holds,
                                   p_budget_ms);
        RETURN;
    END IF;

    s.outcome := 'ok';
    IF s.status = 'pending' THEN
        s.payment_id := nextval('payments_id_seq');
        s.payment_key := m.payment_key;
        s.expires_at := s.created_at + p_window_s * interval '1 second';
        s.deadline_at := s.created_at + (p_budget_ms + 1000) * interval '1 millisecond';
    ELSE
        s.amount := NULL;
        s.job_id := m.job_id;
        s.job_type := CASE s.status WHEN 'confirmed' THEN 'generate-ticket-pdf' ELSE 'send-email' END;
    END IF;
    IF s.status = 'confirmed' THEN
        s.ticket_id := nextval('tickets_id_seq');
        s.ticket_code := m.ticket_code;
    END IF;
    PERFORM register_one_write(m, s);
    RETURN NEXT s;
END $$;

-- A page of an event's guests whom filters leave, newest first. p_after_at and p_after_id: the last one
-- seen, NULL: from the first. One plan a session serves events of ten guests and of a million: left
-- to itself it is made for what is in between, and reads and sorts all of them for a page. In order of
-- the index it reads until the page is full.
CREATE FUNCTION guests_page(p_event_id BIGINT, p_after_at TIMESTAMPTZ, p_after_id BIGINT, p_limit BIGINT,
                            p_offset BIGINT, p_status TEXT, p_type TEXT, p_ticket_type_id BIGINT)
    RETURNS SETOF BIGINT
    LANGUAGE plpgsql STABLE ROWS 21
    SET plan_cache_mode = force_generic_plan
    SET enable_sort = off
    SET enable_seqscan = off
    SET enable_bitmapscan = off
    SET max_parallel_workers_per_gather = 0
    AS $$
BEGIN
    RETURN QUERY
    SELECT g.id FROM guests g
    WHERE g.event_id = p_event_id AND g.deleted_at IS NULL
      AND (p_status IS NULL OR g.status = p_status)
      AND (p_type IS NULL OR g.type = p_type)
      AND (p_ticket_type_id IS NULL OR g.ticket_type_id = p_ticket_type_id)
      -- bounds that are always there bound the index too
      AND (g.created_at, g.id) < (coalesce(p_after_at, 'infinity'), coalesce(p_after_id, 9223372036854775807))
    ORDER BY g.created_at DESC, g.id DESC
    LIMIT p_limit OFFSET p_offset;
END $$;

-- The same of those whom a pattern finds. Planned for each pattern: whether its trigrams are rare decides.
CREATE FUNCTION guests_found(p_event_id BIGINT, p_after_at TIMESTAMPTZ, p_after_id BIGINT, p_limit BIGINT,
                             p_offset BIGINT, p_status TEXT, p_type TEXT, p_ticket_type_id BIGINT, p_pattern TEXT)
    RETURNS SETOF BIGINT
    LANGUAGE plpgsql STABLE ROWS 21
    SET plan_cache_mode = force_custom_plan
    AS $$
BEGIN
    RETURN QUERY
    SELECT g.id FROM guests g
    WHERE g.event_id = p_event_id AND g.deleted_at IS NULL
      AND (g.first_name || ' ' || g.last_name || ' ' || g.email) ILIKE p_pattern
      AND (p_status IS NULL OR g.status = p_status)
      AND (p_type IS NULL OR g.type = p_type)
      AND (p_ticket_type_id IS NULL OR g.ticket_type_id = p_ticket_type_id)
      AND (p_after_at IS NULL OR (g.created_at, g.id) < (p_after_at, p_after_id))
    ORDER BY g.created_at DESC, g.id DESC
    LIMIT p_limit OFFSET p_offset;
END $$;
