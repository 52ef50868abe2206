-- Registration: one call, one transaction, one round trip, for any number of members.
--
-- VOLATILE PL/pgSQL, so that each statement sees what committed while the one before it waited:
-- first all locks (keys, events, ticket types, each kind by ascending id), then one statement that
-- judges and writes. Locking and judging in one statement oversells or refuses falsely: a statement
-- that waited reads again only the row it waited for. Refusals are outcomes, never errors, and
-- write nothing.

CREATE TYPE registration AS (
    ord             INTEGER,    -- order of arrival
    attempt_id      UUID,
    event_id        BIGINT,
    caller_id       BIGINT,
    is_admin        BOOLEAN,
    ticket_type_id  BIGINT,
    first_name      TEXT,
    last_name       TEXT,
    email           TEXT,
    phone           TEXT,
    type            TEXT,
    locale          TEXT,       -- NULL: the event's
    external_id     TEXT,
    ticket_code     TEXT,
    job_id          UUID,       -- of the one job that a registration may cause at once
    payment_key     UUID,
    idempotency_key TEXT,
    fingerprint     TEXT,       -- hex
    again           BOOLEAN,    -- an earlier COMMIT of this attempt had an unknown outcome
    request_id      TEXT,
    traceparent     TEXT
);

CREATE TYPE registration_outcome AS (
    ord            INTEGER,
    outcome        TEXT,        -- ok, or the slug of the refusal
    replayed       BOOLEAN,     -- ok: the first answer to this idempotency key
    body           TEXT,        -- replayed: the first answer, where it was stored as text
    id             BIGINT,
    status         TEXT,
    locale         TEXT,
    created_at     TIMESTAMPTZ,
    ticket_id      BIGINT,
    ticket_code    TEXT,
    job_id         UUID,
    job_type       TEXT,
    payment_id     BIGINT,
    payment_key    UUID,
    amount         NUMERIC,
    currency       TEXT,
    expires_at     TIMESTAMPTZ,
    deadline_at    TIMESTAMPTZ,
    event_title    TEXT
);

-- May this caller manage the event: its organizer, or an admin?
CREATE FUNCTION manages(organizer_id BIGINT, caller_id BIGINT, is_admin BOOLEAN) RETURNS BOOLEAN
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT is_admin OR organizer_id = caller_id $$;

-- The advisory lock of an idempotency key, taken before every row lock. False: in flight.
CREATE FUNCTION lock_idempotency_key(caller_id BIGINT, key TEXT, wait BOOLEAN) RETURNS BOOLEAN
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    number BIGINT := hashtextextended(key, caller_id);
BEGIN
    IF wait THEN
        PERFORM pg_advisory_xact_lock(number);
        RETURN true;
    END IF;
    RETURN pg_try_advisory_xact_lock(number);
END $$;

-- Judge and write members none of whom decides another (see register_guests), all locks held.
CREATE FUNCTION register_run(p_members registration[], p_running INTEGER[], p_window_s INTEGER, p_holds INTEGER,
                             p_budget_ms INTEGER)
    RETURNS SETOF registration_outcome
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now      TIMESTAMPTZ := date_trunc('milliseconds', clock_timestamp());
    v_deadline TIMESTAMPTZ := v_now + (p_budget_ms + 1000) * interval '1 millisecond';
BEGIN
    RETURN QUERY
    WITH known AS MATERIALIZED (
        SELECT m.*, e.status AS event_status, e.title::text AS event_title, e.locale AS event_locale, e.currency,
               e.max_attendees - e.current_attendees AS event_free,
               manages(e.organizer_id, m.caller_id, m.is_admin) AS manager,
               t.id AS type_id, t.price, t.quantity - t.sold AS type_free, t.sales_start_at, t.sales_end_at,
               k.state AS key_state, encode(k.fingerprint, 'hex') AS key_fingerprint, k.deadline_at AS key_deadline,
               k.result AS key_result, k.body AS key_body, k.guest_id AS key_guest,
               g.id AS live_id, g.attempt_id AS live_attempt, x.id AS external_live_id
        FROM unnest(p_members) AS m
        LEFT JOIN events e ON e.id = m.event_id AND e.deleted_at IS NULL
        LEFT JOIN ticket_types t ON t.id = m.ticket_type_id AND t.event_id = m.event_id AND t.deleted_at IS NULL
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
        SELECT *, row_number() OVER (PARTITION BY type_id ORDER BY judged.ord) AS type_rank
        FROM judged WHERE judged.outcome = 'ok'
    ), seated AS (
        SELECT *, row_number() OVER (PARTITION BY typed.event_id ORDER BY typed.ord) AS event_rank
        FROM typed WHERE type_id IS NULL OR type_rank <= type_free
    ), winners AS MATERIALIZED (
        SELECT *, nextval('guests_id_seq') AS guest_id, coalesce(seated.locale, event_locale) AS guest_locale,
               CASE WHEN type_id IS NULL THEN 'registered' WHEN price = 0 THEN 'confirmed' ELSE 'pending' END
                   AS guest_status
        FROM seated WHERE event_rank <= event_free
    ), inserted AS (
        INSERT INTO guests (id, event_id, first_name, last_name, email, phone, type, ticket_type_id, status, locale,
                            external_id, registered_by, attempt_id, created_at, updated_at)
        SELECT w.guest_id, w.event_id, w.first_name, w.last_name, w.email, w.phone, w.type, w.type_id, w.guest_status,
               w.guest_locale, w.external_id, w.caller_id, w.attempt_id, v_now, v_now
        FROM winners w ORDER BY w.ord
        ON CONFLICT DO NOTHING
        RETURNING guests.id
    ), made AS MATERIALIZED (
        SELECT w.* FROM winners w JOIN inserted i ON i.id = w.guest_id
    ), ticket AS (
        INSERT INTO tickets (event_id, guest_id, ticket_type_id, ticket_code, created_at, updated_at)
        SELECT made.event_id, made.guest_id, made.type_id, made.ticket_code, v_now, v_now
        FROM made WHERE guest_status = 'confirmed' ORDER BY made.ord
        RETURNING tickets.id, tickets.guest_id
    ), payment AS (
        INSERT INTO payments (event_id, guest_id, method, status, amount, currency, payment_key, deadline_at,
                              expires_at, created_at, updated_at)
        SELECT made.event_id, made.guest_id, 'intent', 'created', made.price, made.currency, made.payment_key,
               v_deadline, v_now + p_window_s * interval '1 second', v_now, v_now
        FROM made WHERE guest_status = 'pending' ORDER BY made.ord
        RETURNING payments.id, payments.guest_id, payments.expires_at
    ), mail AS (
        INSERT INTO notifications (kind, event_id, guest_id, created_at)
        SELECT 'registration-confirmed', made.event_id, made.guest_id, v_now
        FROM made WHERE guest_status = 'registered' ORDER BY made.ord
        RETURNING notifications.id, notifications.guest_id
    ), answer AS MATERIALIZED (
        SELECT made.ord, 'ok'::text AS outcome, false AS replayed, NULL::text AS body, made.guest_id AS id,
               made.guest_status AS status, made.guest_locale AS locale, v_now AS created_at,
               ticket.id AS ticket_id, CASE WHEN ticket.id IS NOT NULL THEN made.ticket_code END AS ticket_code,
               CASE WHEN payment.id IS NULL THEN made.job_id END AS job_id,
               CASE WHEN ticket.id IS NOT NULL THEN 'generate-ticket-pdf'
                    WHEN mail.id IS NOT NULL THEN 'send-email' END AS job_type,
               payment.id AS payment_id, CASE WHEN payment.id IS NOT NULL THEN made.payment_key END AS payment_key,
               CASE WHEN payment.id IS NOT NULL THEN made.price END AS amount,
               made.currency, payment.expires_at,
               CASE WHEN payment.id IS NOT NULL THEN v_deadline END AS deadline_at, made.event_title,
               coalesce(ticket.id, mail.id) AS subject_id
        FROM made
        LEFT JOIN ticket ON ticket.guest_id = made.guest_id
        LEFT JOIN payment ON payment.guest_id = made.guest_id
        LEFT JOIN mail ON mail.guest_id = made.guest_id
    ), job AS (
        INSERT INTO outbox (id, job_type, subject_id, request_id, traceparent)
        SELECT a.job_id, a.job_type, a.subject_id, made.request_id, made.traceparent
        FROM answer a JOIN made ON made.guest_id = a.id WHERE a.job_type IS NOT NULL ORDER BY a.job_id
    ), seat AS (
        UPDATE events e SET current_attendees = e.current_attendees + c.n
        FROM (SELECT made.event_id, count(*)::integer AS n FROM made GROUP BY 1) c WHERE e.id = c.event_id
    ), sold AS (
        UPDATE ticket_types t SET sold = t.sold + c.n
        FROM (SELECT made.type_id, count(*)::integer AS n FROM made WHERE type_id IS NOT NULL GROUP BY 1) c
        WHERE t.id = c.type_id
    ), delta AS (
        INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
        SELECT made.event_id, made.type_id, quarter_of(v_now), d.kind, count(*)::integer
        FROM made CROSS JOIN LATERAL (VALUES ('guests', true), ('confirmed', guest_status = 'confirmed'),
                                             ('registrations', guest_status <> 'pending')) AS d (kind, counts)
        WHERE d.counts GROUP BY 1, 2, 4
    ), key AS (
        INSERT INTO idempotency_keys AS k (caller_id, key, fingerprint, state, status, result, guest_id, deadline_at,
                                           created_at, expires_at)
        SELECT made.caller_id, made.idempotency_key, decode(made.fingerprint, 'hex'),
               CASE guest_status WHEN 'pending' THEN 'held' ELSE 'done' END,
               CASE guest_status WHEN 'pending' THEN NULL ELSE 201 END,
               CASE guest_status WHEN 'pending' THEN NULL ELSE to_jsonb(a) END,
               made.guest_id, a.deadline_at, v_now, v_now + interval '24 hours'
        FROM made JOIN answer a ON a.id = made.guest_id
        WHERE made.idempotency_key IS NOT NULL ORDER BY made.caller_id, made.idempotency_key
        ON CONFLICT ON CONSTRAINT idempotency_keys_pkey DO UPDATE
            SET fingerprint = excluded.fingerprint, state = excluded.state, status = excluded.status,
                result = excluded.result, body = NULL, location = NULL, guest_id = excluded.guest_id,
                deadline_at = excluded.deadline_at, created_at = excluded.created_at, expires_at = excluded.expires_at
            WHERE k.expires_at <= v_now
    ), resumed AS (
        UPDATE idempotency_keys k SET deadline_at = v_deadline FROM judged j
        WHERE j.outcome = 'resume' AND k.caller_id = j.caller_id AND k.key = j.idempotency_key
    ), resumed_payment AS (
        UPDATE payments p SET deadline_at = v_deadline FROM judged j
        WHERE j.outcome = 'resume' AND p.guest_id = j.key_guest AND p.status = 'created'
    )
    SELECT a.ord, a.outcome, a.replayed, a.body, a.id, a.status, a.locale, a.created_at, a.ticket_id, a.ticket_code,
           a.job_id, a.job_type, a.payment_id, a.payment_key, a.amount, a.currency, a.expires_at, a.deadline_at,
           a.event_title
    FROM answer a
    UNION ALL
    SELECT j.ord, 'ok', true, j.key_body, j.key_guest, (r.o).status, (r.o).locale, (r.o).created_at, (r.o).ticket_id,
           (r.o).ticket_code, NULL::uuid, NULL, (r.o).payment_id, NULL::uuid, (r.o).amount, (r.o).currency,
           (r.o).expires_at, NULL::timestamptz, j.event_title
    FROM judged j
    CROSS JOIN LATERAL (SELECT jsonb_populate_record(NULL::registration_outcome, j.key_result) AS o) r
    WHERE j.outcome = 'replay'
    UNION ALL
    SELECT j.ord, 'ok', false, NULL, g.id, g.status::text, g.locale, g.created_at, t.id, t.ticket_code::text, NULL::uuid, NULL, p.id,
           p.payment_key, p.amount, j.currency, p.expires_at, CASE j.outcome WHEN 'own' THEN p.deadline_at ELSE v_deadline END,
           j.event_title
    FROM judged j
    JOIN guests g ON g.id = CASE j.outcome WHEN 'own' THEN j.live_id ELSE j.key_guest END
    LEFT JOIN tickets t ON t.guest_id = g.id
    LEFT JOIN payments p ON p.guest_id = g.id AND p.method = 'intent'
    WHERE j.outcome IN ('own', 'resume')
    UNION ALL
    SELECT j.ord, CASE WHEN j.outcome <> 'ok' THEN j.outcome WHEN w.ord IS NULL THEN 'sold-out'
                       ELSE 'already-registered' END,
           false, NULL, NULL, NULL, NULL, NULL::timestamptz, NULL, NULL, NULL::uuid, NULL, NULL, NULL::uuid, NULL::numeric,
           NULL, NULL::timestamptz, NULL::timestamptz, j.event_title
    FROM judged j
    LEFT JOIN winners w ON w.ord = j.ord
    WHERE j.outcome NOT IN ('replay', 'own', 'resume') AND NOT EXISTS (SELECT FROM made WHERE made.ord = j.ord);
END $$;

-- p_members: JSON array of `registration`, in order of arrival. p_window_s: life of an unpaid hold.
-- p_holds: unpaid holds a caller may have in an event. p_budget_ms: how long the payment call may take.
CREATE FUNCTION register_guests(p_members JSONB, p_window_s INTEGER, p_holds INTEGER, p_budget_ms INTEGER)
    RETURNS SETOF registration_outcome
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    members registration[] := ARRAY(SELECT m FROM jsonb_populate_recordset(NULL::registration, p_members) AS m
                                    ORDER BY m.ord);
    total   INTEGER := cardinality(members);
    running INTEGER[];  -- members whose key another transaction holds
    earlier BIGINT[];   -- position of the last member before that decides this one
    head    INTEGER := 1;
    tail    INTEGER;
BEGIN
    running := ARRAY(
        SELECT m.ord FROM unnest(members) AS m
        WHERE m.idempotency_key IS NOT NULL
          AND NOT lock_idempotency_key(m.caller_id, m.idempotency_key, coalesce(m.again, false)));

    PERFORM FROM events e WHERE e.id IN (SELECT m.event_id FROM unnest(members) AS m)
        ORDER BY e.id FOR NO KEY UPDATE;
    PERFORM FROM ticket_types t WHERE t.id IN (SELECT m.ticket_type_id FROM unnest(members) AS m)
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
                            CASE WHEN ticket_type_id IS NOT NULL
                                 THEN lag(at) OVER (PARTITION BY event_id, caller_id, ticket_type_id IS NULL
                                                    ORDER BY at) END)
            FROM (SELECT m.*, row_number() OVER (ORDER BY m.ord) AS at FROM unnest(members) AS m) AS m
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
