-- Registrations of many events in one call, and plans that do not depend on when a session began.
--
-- As before: all locks first, then what judges and writes, each in its own statement. New:
-- * p_skip_locked: events that another transaction holds are left out, their members are told
--   `busy` and nothing else; what else is asked for does not wait for them.
-- * Judged members are kept in an array, so that what follows joins nothing; what no member needs
--   is not run. A call for one member costs a third of what it did, for many a tenth.
-- * Only priced members of a caller decide each other (the bound on holds).

-- A member, what it is told, and what else is to be written for it.
CREATE TYPE registration_judged AS (
    member     registration,
    said       registration_outcome,
    mail_id    BIGINT,
    key_guest  BIGINT,
    key_result JSONB
);

CREATE FUNCTION register_judge(p_members registration[], p_running INTEGER[], p_window_s INTEGER, p_holds INTEGER,
                               p_budget_ms INTEGER)
    RETURNS registration_judged[]
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now TIMESTAMPTZ := date_trunc('milliseconds', clock_timestamp());
BEGIN
    RETURN ARRAY(
        WITH known AS MATERIALIZED (
            SELECT m AS member, m.*, e.status AS event_status, e.title::text AS event_title, e.locale AS event_locale,
                   e.currency, e.max_attendees - e.current_attendees AS event_free,
                   manages(e.organizer_id, m.caller_id, m.is_admin) AS manager,
                   t.id AS type_id, t.price, t.quantity - t.sold AS type_free, t.sales_start_at, t.sales_end_at,
                   k.state AS key_state, encode(k.fingerprint, 'hex') AS key_fingerprint,
                   k.deadline_at AS key_deadline, k.result AS key_result, k.body AS key_body, k.guest_id AS key_guest,
                   g.id AS live_id, g.attempt_id AS live_attempt, x.id AS external_live_id
            FROM unnest(p_members) AS m
            LEFT JOIN events e ON e.id = m.event_id AND e.deleted_at IS NULL
            LEFT JOIN ticket_types t
                ON t.id = m.ticket_type_id AND t.event_id = m.event_id AND t.deleted_at IS NULL
            LEFT JOIN idempotency_keys k
                ON k.caller_id = m.caller_id AND k.key = m.idempotency_key AND k.expires_at > v_now
            LEFT JOIN guests g
                ON g.event_id = m.event_id AND lower(g.email) = lower(m.email) AND g.status <> 'cancelled'
            LEFT JOIN guests x
                ON x.event_id = m.event_id AND x.external_id = m.external_id AND x.status <> 'cancelled'
        ), judged AS (
            SELECT known.*, CASE
                WHEN event_status IS NULL THEN 'not-found'
                WHEN event_status = 'draft' AND NOT manager
                     AND NOT EXISTS (SELECT FROM event_staff s WHERE s.event_id = known.event_id
                                     AND s.user_id = known.caller_id) THEN 'not-found'
                WHEN NOT manager AND (known.type <> 'regular' OR known.external_id IS NOT NULL) THEN 'forbidden'
                WHEN known.ord = ANY (p_running) THEN 'idempotency-in-flight'
                WHEN live_attempt = known.attempt_id THEN 'own'
                WHEN key_fingerprint <> known.fingerprint THEN 'idempotency-mismatch'
                WHEN key_state = 'done' THEN 'replay'
                WHEN key_state = 'held' AND key_deadline > v_now THEN 'idempotency-in-flight'
                WHEN key_state = 'held' THEN 'resume'
                WHEN known.ticket_type_id IS NULL AND NOT manager
                     AND EXISTS (SELECT FROM ticket_types p WHERE p.event_id = known.event_id AND p.deleted_at IS NULL)
                     AND NOT EXISTS (SELECT FROM ticket_types p WHERE p.event_id = known.event_id
                                     AND p.deleted_at IS NULL AND p.price = 0) THEN 'invalid-body'
                WHEN event_status NOT IN ('published', 'active') AND NOT (event_status = 'draft' AND manager)
                     THEN 'event-not-open'
                WHEN known.ticket_type_id IS NOT NULL AND type_id IS NULL THEN 'unknown-ticket-type'
                WHEN NOT manager AND (sales_start_at > v_now OR sales_end_at <= v_now) THEN 'sales-closed'
                WHEN live_id IS NOT NULL OR external_live_id IS NOT NULL THEN 'already-registered'
                WHEN price > 0 AND NOT manager
                     AND (SELECT count(*) FROM guests h WHERE h.event_id = known.event_id
                          AND h.registered_by = known.caller_id AND h.status = 'pending') >= p_holds
                     THEN 'too-many-holds'
                ELSE 'ok' END AS outcome
            FROM known
        ), typed AS (
            -- seats by rank of arrival, within the type first, then within the event
            SELECT *, outcome = 'ok'
                      AND (type_id IS NULL
                           OR count(*) FILTER (WHERE outcome = 'ok') OVER (PARTITION BY type_id ORDER BY ord)
                              <= type_free) AS fits
            FROM judged
        ), seated AS (
            SELECT *, fits AND count(*) FILTER (WHERE fits) OVER (PARTITION BY event_id ORDER BY ord) <= event_free
                      AS wins,
                   CASE WHEN type_id IS NULL THEN 'registered' WHEN price = 0 THEN 'confirmed' ELSE 'pending' END
                       AS guest_status
            FROM typed
        )
        SELECT ROW (s.member,
                    CASE WHEN s.wins THEN ROW (
                        s.ord, 'ok', false, NULL, nextval('guests_id_seq'), s.guest_status,
                        coalesce(s.locale, s.event_locale), v_now,
                        CASE s.guest_status WHEN 'confirmed' THEN nextval('tickets_id_seq') END,
                        CASE s.guest_status WHEN 'confirmed' THEN s.ticket_code END,
                        CASE WHEN s.guest_status <> 'pending' THEN s.job_id END,
                        CASE s.guest_status WHEN 'confirmed' THEN 'generate-ticket-pdf'
                                            WHEN 'registered' THEN 'send-email' END,
                        CASE s.guest_status WHEN 'pending' THEN nextval('payments_id_seq') END,
                        CASE s.guest_status WHEN 'pending' THEN s.payment_key END,
                        CASE s.guest_status WHEN 'pending' THEN s.price END, s.currency,
                        CASE s.guest_status WHEN 'pending' THEN v_now + p_window_s * interval '1 second' END,
                        CASE s.guest_status WHEN 'pending'
                             THEN v_now + (p_budget_ms + 1000) * interval '1 millisecond' END,
                        s.event_title)::registration_outcome
                    ELSE ROW (
                        s.ord, CASE s.outcome WHEN 'ok' THEN 'sold-out' ELSE s.outcome END, false,
                        CASE s.outcome WHEN 'replay' THEN s.key_body END,
                        CASE s.outcome WHEN 'own' THEN s.live_id ELSE s.key_guest END, NULL, NULL, NULL, NULL, NULL,
                        NULL, NULL, NULL, NULL, NULL, s.currency, NULL,
                        CASE s.outcome WHEN 'resume' THEN v_now + (p_budget_ms + 1000) * interval '1 millisecond' END,
                        s.event_title)::registration_outcome
                    END,
                    CASE WHEN s.wins AND s.guest_status = 'registered' THEN nextval('notifications_id_seq') END,
                    s.key_guest, CASE s.outcome WHEN 'replay' THEN s.key_result END)::registration_judged
        FROM seated s
        ORDER BY s.ord);
END $$;

-- Judge and write members none of whom decides another (see register_guests), all locks held.
CREATE OR REPLACE FUNCTION register_run(p_members registration[], p_running INTEGER[], p_window_s INTEGER,
                                        p_holds INTEGER, p_budget_ms INTEGER)
    RETURNS SETOF registration_outcome
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_judged registration_judged[] := register_judge(p_members, p_running, p_window_s, p_holds, p_budget_ms);
    v_won    registration_judged[];
    v_made   BIGINT[];
    v_lost   INTEGER[];
    v_other  BOOLEAN;
BEGIN
    v_won := ARRAY(SELECT j FROM unnest(v_judged) AS j WHERE (j.said).outcome = 'ok');
    IF cardinality(v_won) > 0 THEN
        WITH made AS (
            INSERT INTO guests (id, event_id, first_name, last_name, email, phone, type, ticket_type_id, status, locale,
                                external_id, registered_by, attempt_id, created_at, updated_at)
            SELECT (w.said).id, (w.member).event_id, (w.member).first_name, (w.member).last_name, (w.member).email,
                   (w.member).phone, (w.member).type, (w.member).ticket_type_id, (w.said).status, (w.said).locale,
                   (w.member).external_id, (w.member).caller_id, (w.member).attempt_id, (w.said).created_at,
                   (w.said).created_at
            FROM unnest(v_won) AS w
            ON CONFLICT DO NOTHING
            RETURNING guests.id
        )
        SELECT array_agg(made.id) INTO v_made FROM made;
        -- the net: nobody makes an address live without the event's lock
        IF cardinality(v_made) IS DISTINCT FROM cardinality(v_won) THEN
            v_lost := ARRAY(SELECT (w.said).ord FROM unnest(v_won) AS w
                            WHERE (w.said).id <> ALL (coalesce(v_made, '{}')));
            v_won := ARRAY(SELECT w FROM unnest(v_won) AS w WHERE (w.said).ord <> ALL (v_lost));
        END IF;
        PERFORM register_write(v_won);
    END IF;

    RETURN QUERY
    SELECT (j.said).ord,
           CASE WHEN (j.said).ord = ANY (v_lost) THEN 'already-registered' ELSE (j.said).outcome END,
           (j.said).replayed, (j.said).body, (j.said).id, (j.said).status, (j.said).locale, (j.said).created_at,
           (j.said).ticket_id, (j.said).ticket_code, (j.said).job_id, (j.said).job_type, (j.said).payment_id,
           (j.said).payment_key, (j.said).amount, (j.said).currency, (j.said).expires_at, (j.said).deadline_at,
           (j.said).event_title
    FROM unnest(v_judged) AS j WHERE (j.said).outcome NOT IN ('replay', 'own', 'resume');

    v_other := EXISTS (SELECT FROM unnest(v_judged) AS j WHERE (j.said).outcome IN ('replay', 'own', 'resume'));
    IF v_other THEN
        RETURN QUERY SELECT * FROM register_recall(v_judged);
    END IF;
END $$;

-- What winners cause beside their guests. What nobody needs is not run.
CREATE FUNCTION register_write(p_won registration_judged[]) RETURNS VOID
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_kinds TEXT[] := ARRAY(SELECT DISTINCT (w.said).status FROM unnest(p_won) AS w);
BEGIN
    IF 'confirmed' = ANY (v_kinds) THEN
        INSERT INTO tickets (id, event_id, guest_id, ticket_type_id, ticket_code, created_at, updated_at)
        SELECT (w.said).ticket_id, (w.member).event_id, (w.said).id, (w.member).ticket_type_id, (w.said).ticket_code,
               (w.said).created_at, (w.said).created_at
        FROM unnest(p_won) AS w WHERE (w.said).status = 'confirmed';
    END IF;
    IF 'pending' = ANY (v_kinds) THEN
        INSERT INTO payments (id, event_id, guest_id, method, status, amount, currency, payment_key, deadline_at,
                              expires_at, created_at, updated_at)
        SELECT (w.said).payment_id, (w.member).event_id, (w.said).id, 'intent', 'created', (w.said).amount,
               (w.said).currency, (w.said).payment_key, (w.said).deadline_at, (w.said).expires_at, (w.said).created_at,
               (w.said).created_at
        FROM unnest(p_won) AS w WHERE (w.said).status = 'pending';
    END IF;
    IF 'registered' = ANY (v_kinds) THEN
        INSERT INTO notifications (id, kind, event_id, guest_id, created_at)
        SELECT w.mail_id, 'registration-confirmed', (w.member).event_id, (w.said).id, (w.said).created_at
        FROM unnest(p_won) AS w WHERE (w.said).status = 'registered';
    END IF;
    INSERT INTO outbox (id, job_type, subject_id, request_id, traceparent)
    SELECT (w.said).job_id, (w.said).job_type, coalesce((w.said).ticket_id, w.mail_id), (w.member).request_id,
           (w.member).traceparent
    FROM unnest(p_won) AS w WHERE (w.said).job_type IS NOT NULL;

    UPDATE events e SET current_attendees = e.current_attendees + c.n
    FROM (SELECT (w.member).event_id, count(*)::integer AS n FROM unnest(p_won) AS w GROUP BY 1) c
    WHERE e.id = c.event_id;
    IF v_kinds && '{confirmed,pending}' THEN
        UPDATE ticket_types t SET sold = t.sold + c.n
        FROM (SELECT (w.member).ticket_type_id, count(*)::integer AS n FROM unnest(p_won) AS w
              WHERE (w.member).ticket_type_id IS NOT NULL GROUP BY 1) c
        WHERE t.id = c.ticket_type_id;
    END IF;
    INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
    SELECT (w.member).event_id, (w.member).ticket_type_id, quarter_of((w.said).created_at), d.kind, count(*)::integer
    FROM unnest(p_won) AS w
    CROSS JOIN LATERAL (VALUES ('guests', true), ('confirmed', (w.said).status = 'confirmed'),
                               ('registrations', (w.said).status <> 'pending')) AS d (kind, counts)
    WHERE d.counts GROUP BY 1, 2, 3, 4;

    IF EXISTS (SELECT FROM unnest(p_won) AS w WHERE (w.member).idempotency_key IS NOT NULL) THEN
        INSERT INTO idempotency_keys AS k (caller_id, key, fingerprint, state, status, result, guest_id, deadline_at,
                                           created_at, expires_at)
        SELECT (w.member).caller_id, (w.member).idempotency_key, decode((w.member).fingerprint, 'hex'),
               CASE (w.said).status WHEN 'pending' THEN 'held' ELSE 'done' END,
               CASE (w.said).status WHEN 'pending' THEN NULL ELSE 201 END,
               CASE (w.said).status WHEN 'pending' THEN NULL ELSE to_jsonb(w.said) END,
               (w.said).id, (w.said).deadline_at, (w.said).created_at, (w.said).created_at + interval '24 hours'
        FROM unnest(p_won) AS w
        WHERE (w.member).idempotency_key IS NOT NULL
        ON CONFLICT ON CONSTRAINT idempotency_keys_pkey DO UPDATE
            SET fingerprint = excluded.fingerprint, state = excluded.state, status = excluded.status,
                result = excluded.result, body = NULL, location = NULL, guest_id = excluded.guest_id,
                deadline_at = excluded.deadline_at, created_at = excluded.created_at, expires_at = excluded.expires_at
            WHERE k.expires_at <= excluded.created_at;
    END IF;
END $$;

-- Answers of members who are known already: by their key, or by their own earlier success. A hold
-- that is taken over gets the new deadline.
CREATE FUNCTION register_recall(p_judged registration_judged[]) RETURNS SETOF registration_outcome
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE idempotency_keys k SET deadline_at = (j.said).deadline_at FROM unnest(p_judged) AS j
    WHERE (j.said).outcome = 'resume' AND k.caller_id = (j.member).caller_id AND k.key = (j.member).idempotency_key;
    UPDATE payments p SET deadline_at = (j.said).deadline_at FROM unnest(p_judged) AS j
    WHERE (j.said).outcome = 'resume' AND p.guest_id = j.key_guest AND p.status = 'created';

    RETURN QUERY
    SELECT (j.said).ord, 'ok', true, (j.said).body, j.key_guest, (r.o).status, (r.o).locale, (r.o).created_at,
           (r.o).ticket_id, (r.o).ticket_code, NULL::uuid, NULL, (r.o).payment_id, NULL::uuid, (r.o).amount,
           (r.o).currency, (r.o).expires_at, NULL::timestamptz, (j.said).event_title
    FROM unnest(p_judged) AS j
    CROSS JOIN LATERAL (SELECT jsonb_populate_record(NULL::registration_outcome, j.key_result) AS o) r
    WHERE (j.said).outcome = 'replay';

    RETURN QUERY
    SELECT (j.said).ord, 'ok', false, NULL, g.id, g.status::text, g.locale, g.created_at, t.id, t.ticket_code::text,
           NULL::uuid, NULL, p.id, p.payment_key, p.amount, (j.said).currency, p.expires_at,
           coalesce((j.said).deadline_at, p.deadline_at), (j.said).event_title
    FROM unnest(p_judged) AS j
    JOIN guests g ON g.id = (j.said).id
    LEFT JOIN tickets t ON t.guest_id = g.id
    LEFT JOIN payments p ON p.guest_id = g.id AND p.method = 'intent'
    WHERE (j.said).outcome IN ('own', 'resume');
END $$;

-- p_members: JSON array of `registration`, in order of arrival. p_window_s: life of an unpaid hold.
-- p_holds: unpaid holds a caller may have in an event. p_budget_ms: how long the payment call may
-- take. p_skip_locked: members of events that another transaction holds are told `busy`.
DROP FUNCTION register_guests(JSONB, INTEGER, INTEGER, INTEGER);
CREATE FUNCTION register_guests(p_members JSONB, p_window_s INTEGER, p_holds INTEGER, p_budget_ms INTEGER,
                                p_skip_locked BOOLEAN DEFAULT false)
    RETURNS SETOF registration_outcome
    LANGUAGE plpgsql VOLATILE
    -- One plan a session, made when the tables may still be empty: it must be right when they are full.
    SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET jit = off
    AS $$
DECLARE
    members registration[] := ARRAY(SELECT m FROM jsonb_populate_recordset(NULL::registration, p_members) AS m
                                    ORDER BY m.ord);
    total   INTEGER;
    events  BIGINT[] := ARRAY(SELECT DISTINCT m.event_id FROM unnest(members) AS m);
    busy    BIGINT[];
    running INTEGER[];  -- members whose key another transaction holds
    earlier BIGINT[];   -- position of the last member before that decides this one
    head    INTEGER := 1;
    tail    INTEGER;
BEGIN
    running := ARRAY(
        SELECT m.ord FROM unnest(members) AS m
        WHERE m.idempotency_key IS NOT NULL
          AND NOT lock_idempotency_key(m.caller_id, m.idempotency_key, coalesce(m.again, false)));

    IF p_skip_locked THEN
        busy := ARRAY(SELECT e.id FROM events e WHERE e.id = ANY (events)
                      EXCEPT
                      SELECT l.id FROM (SELECT e.id FROM events e WHERE e.id = ANY (events)
                                        ORDER BY e.id FOR NO KEY UPDATE SKIP LOCKED) l);
        IF cardinality(busy) > 0 THEN
            RETURN QUERY
            SELECT m.ord, 'busy', false, NULL, NULL::bigint, NULL, NULL, NULL::timestamptz, NULL::bigint, NULL,
                   NULL::uuid, NULL, NULL::bigint, NULL::uuid, NULL::numeric, NULL, NULL::timestamptz,
                   NULL::timestamptz, NULL
            FROM unnest(members) AS m WHERE m.event_id = ANY (busy);
            members := ARRAY(SELECT m FROM unnest(members) AS m WHERE m.event_id <> ALL (busy) ORDER BY m.ord);
        END IF;
    ELSE
        PERFORM FROM events e WHERE e.id = ANY (events) ORDER BY e.id FOR NO KEY UPDATE;
    END IF;
    total := cardinality(members);
    PERFORM FROM ticket_types t WHERE t.id = ANY (ARRAY(SELECT m.ticket_type_id FROM unnest(members) AS m))
        ORDER BY t.id FOR NO KEY UPDATE;

    -- Members that decide each other (same address, key or external id, or two holds of a caller)
    -- must not be judged in one statement: the second would not see the first. So take the longest
    -- run without such a pair, then go on behind it: who gets the last seat stays as one by one.
    IF total > 1 THEN
        earlier := ARRAY(
            SELECT greatest(lag(at) OVER (PARTITION BY event_id, lower(email) ORDER BY at),
                            CASE WHEN external_id IS NOT NULL
                                 THEN lag(at) OVER (PARTITION BY event_id, external_id ORDER BY at) END,
                            CASE WHEN idempotency_key IS NOT NULL
                                 THEN lag(at) OVER (PARTITION BY caller_id, idempotency_key ORDER BY at) END,
                            CASE WHEN priced
                                 THEN lag(at) OVER (PARTITION BY event_id, caller_id, priced ORDER BY at) END)
            FROM (SELECT m.*, row_number() OVER (ORDER BY m.ord) AS at,
                         EXISTS (SELECT FROM ticket_types t WHERE t.id = m.ticket_type_id AND t.price > 0) AS priced
                  FROM unnest(members) AS m) AS m
            ORDER BY at);
    END IF;
    WHILE head <= total LOOP
        tail := head;
        WHILE tail < total AND coalesce(earlier[tail + 1], 0) < head LOOP
            tail := tail + 1;
        END LOOP;
        RETURN QUERY SELECT * FROM register_run(members[head:tail], running, p_window_s, p_holds, p_budget_ms);
        head := tail + 1;
    END LOOP;
END $$;
