-- Scans for less: one alone has a form of its own, and nothing in a call of many grows with its square
-- or with what was scanned before. Locks, outcomes and what is written are as before (see
-- schema/0004_admission.sql).
--
-- Whose scan id is taken already is learnt from the log's unique index, by the scans that it refuses,
-- not asked for by each: a plan made while the log was empty may well read all scans of the event.

-- A scan with the ticket that it names.
CREATE TYPE admission_shown AS (
    ord                INTEGER,
    caller_id          BIGINT,
    qr_issued_ms       BIGINT,
    ticket_code        TEXT,
    event_id           BIGINT,
    scan_id            UUID,
    code_digest        BYTEA,
    allowed            BOOLEAN,
    ticket_id          BIGINT,
    guest_id           BIGINT,
    ticket_event       BIGINT,  -- NULL: not allowed
    -- the scan that has this scan id already
    first_outcome      TEXT,
    first_digest       BYTEA,
    first_undone       BOOLEAN,
    first_validated_at TIMESTAMPTZ
);

-- What a scan comes to: the first reason wins. Inlined.
CREATE FUNCTION admission_judge(s admission_shown, t tickets, g guests, event_status TEXT) RETURNS TEXT
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN s.allowed IS NOT TRUE THEN 'not-found'
                WHEN s.first_digest <> s.code_digest THEN 'idempotency-mismatch'
                WHEN s.first_undone THEN 'validation-undone'
                WHEN s.first_outcome IS NOT NULL THEN 'replay'
                WHEN s.event_id <> t.event_id THEN 'wrong-event'
                WHEN event_status = 'cancelled' THEN 'ticket-cancelled'
                WHEN event_status NOT IN ('published', 'active') THEN 'event-not-open'
                WHEN t.status = 'cancelled' OR g.status = 'cancelled' THEN 'ticket-cancelled'
                WHEN s.ticket_code <> t.ticket_code THEN 'ticket-cancelled'
                WHEN s.qr_issued_ms <> t.issued_at_ms THEN 'ticket-cancelled'
                WHEN t.is_validated OR g.status = 'checked_in' THEN 'already-validated'
                WHEN g.status = 'pending' THEN 'not-paid'
                ELSE 'admitted' END
$$;

-- Check guests in, all their rows locked and judged: state, ticket, statistics.
CREATE OR REPLACE FUNCTION admit_guests(p_guests BIGINT[], p_at TIMESTAMPTZ) RETURNS VOID
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_guest guests;
BEGIN
    IF cardinality(p_guests) = 1 THEN
        UPDATE guests g
        SET status_before = g.status, status = 'checked_in', checked_in_at = p_at,
            edit_version = g.edit_version + 1, updated_at = p_at
        WHERE g.id = p_guests[1]
        RETURNING g.* INTO v_guest;
        UPDATE tickets t
        SET is_validated = true, validated_at = p_at, edit_version = t.edit_version + 1, updated_at = p_at
        WHERE t.guest_id = p_guests[1] AND t.status <> 'cancelled';
        INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
        VALUES (v_guest.event_id, v_guest.ticket_type_id, quarter_of(p_at), 'check_ins', 1);
        -- a guest without a ticket type may come unconfirmed
        IF v_guest.status_before = 'registered' THEN
            INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
            VALUES (v_guest.event_id, v_guest.ticket_type_id, quarter_of(v_guest.created_at), 'confirmed', 1);
        END IF;
        RETURN;
    END IF;
    WITH guest AS (
        UPDATE guests g
        SET status_before = g.status, status = 'checked_in', checked_in_at = p_at,
            edit_version = g.edit_version + 1, updated_at = p_at
        WHERE g.id = ANY (p_guests)
        RETURNING g.id, g.event_id, g.ticket_type_id, g.created_at, g.status_before
    ), ticket AS (
        UPDATE tickets t
        SET is_validated = true, validated_at = p_at, edit_version = t.edit_version + 1, updated_at = p_at
        WHERE t.guest_id = ANY (p_guests) AND t.status <> 'cancelled'
    )
    INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
    SELECT guest.event_id, guest.ticket_type_id, quarter_of(p_at), 'check_ins', count(*)::integer
    FROM guest GROUP BY 1, 2
    UNION ALL
    SELECT guest.event_id, guest.ticket_type_id, quarter_of(guest.created_at), 'confirmed', count(*)::integer
    FROM guest WHERE guest.status_before = 'registered' GROUP BY 1, 2, 3;
END $$;

-- Scans that lost their scan ids, with the scans that have them. Planned anew, for the log as it is now.
CREATE FUNCTION admit_recall(p_lost admission_shown[]) RETURNS admission_shown[]
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_lost admission_shown[];
BEGIN
    EXECUTE 'SELECT array_agg(ROW (w.ord, w.caller_id, w.qr_issued_ms, w.ticket_code, w.event_id, w.scan_id,
                                   w.code_digest, w.allowed, w.ticket_id, w.guest_id, w.ticket_event, k.outcome,
                                   k.code_digest, k.undone, k.validated_at)::admission_shown ORDER BY w.ord)
             FROM unnest($1) AS w
             LEFT JOIN ticket_scans k ON k.event_id = w.ticket_event AND k.scan_id = w.scan_id'
    INTO v_lost USING p_lost;
    RETURN v_lost;
END $$;

-- One scan, its ticket found: the same steps as for many.
CREATE FUNCTION admit_one(s admission_shown) RETURNS admission_outcome
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now     TIMESTAMPTZ;
    v_then    TIMESTAMPTZ;
    v_outcome TEXT := 'not-found';
    v_said    admission_outcome;
BEGIN
    IF s.allowed THEN
        PERFORM FROM guests g WHERE g.id = s.guest_id FOR NO KEY UPDATE;
        PERFORM FROM tickets t WHERE t.id = s.ticket_id FOR NO KEY UPDATE;
    END IF;
    v_now := date_trunc('milliseconds', clock_timestamp());
    LOOP
        IF s.allowed THEN
            SELECT g.first_name, g.last_name, g.type, y.name, coalesce(t.validated_at, g.checked_in_at),
                   admission_judge(s, t, g, e.status)
            INTO v_said.first_name, v_said.last_name, v_said.type, v_said.ticket_type, v_then, v_outcome
            FROM tickets t
            JOIN guests g ON g.id = t.guest_id
            JOIN events e ON e.id = t.event_id
            JOIN ticket_types y ON y.id = t.ticket_type_id
            WHERE t.id = s.ticket_id;
        END IF;
        v_said.validated_at := CASE v_outcome WHEN 'admitted' THEN v_now
                                              WHEN 'already-validated' THEN v_then
                                              WHEN 'replay' THEN s.first_validated_at END;
        EXIT WHEN v_outcome = 'replay';
        INSERT INTO ticket_scans (event_id, ticket_id, guest_id, scan_id, code_digest, outcome, validated_at,
                                  scanned_by, created_at)
        VALUES (s.ticket_event, s.ticket_id, s.guest_id,
                CASE WHEN v_outcome NOT IN ('idempotency-mismatch', 'validation-undone') THEN s.scan_id END,
                s.code_digest, v_outcome, v_said.validated_at, s.caller_id, v_now)
        ON CONFLICT (event_id, scan_id) WHERE scan_id IS NOT NULL DO NOTHING;
        EXIT WHEN FOUND;
        s := (admit_recall(ARRAY[s]))[1];
    END LOOP;
    IF v_outcome = 'admitted' THEN
        PERFORM admit_guests(ARRAY[s.guest_id], v_now);
    END IF;
    v_said.ord := s.ord;
    v_said.outcome := CASE v_outcome WHEN 'replay' THEN s.first_outcome ELSE v_outcome END;
    v_said.replayed := v_outcome = 'replay';
    v_said.ticket_id := s.ticket_id;
    v_said.guest_id := s.guest_id;
    RETURN v_said;
END $$;

-- p_members: JSON array of `admission`, in order of arrival.
CREATE OR REPLACE FUNCTION admit_tickets(p_members JSONB) RETURNS SETOF admission_outcome
    LANGUAGE plpgsql VOLATILE
    -- One plan a session, made when the tables may still be empty: it must be right when they are full.
    SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET jit = off
    AS $$
DECLARE
    v_waiting admission_shown[];
    v_answers admission_outcome[];
    v_now     TIMESTAMPTZ;
BEGIN
    v_waiting := ARRAY(
        SELECT ROW (m.ord, m.caller_id, m.qr_issued_ms, m.ticket_code, m.event_id, m.scan_id,
                    decode(m.code_digest, 'hex'), a.allowed, t.id, t.guest_id, CASE WHEN a.allowed THEN e.id END,
                    NULL, NULL, NULL, NULL)::admission_shown
        FROM jsonb_populate_recordset(NULL::admission, p_members) AS m
        LEFT JOIN tickets t
            ON t.id = CASE WHEN m.ticket_code IS NULL THEN m.qr_ticket_id
                           ELSE coalesce((SELECT c.id FROM tickets c WHERE c.ticket_code = m.ticket_code),
                                         (SELECT r.ticket_id FROM retired_codes r WHERE r.ticket_code = m.ticket_code))
                      END
            AND (m.ticket_code IS NOT NULL OR t.event_id = m.qr_event_id AND t.guest_id = m.qr_guest_id)
        LEFT JOIN events e ON e.id = t.event_id AND e.deleted_at IS NULL
        CROSS JOIN LATERAL (
            SELECT e.id IS NOT NULL
                   AND (manages(e.organizer_id, m.caller_id, m.is_admin)
                        OR EXISTS (SELECT FROM event_staff s WHERE s.event_id = e.id AND s.user_id = m.caller_id))
                   AS allowed OFFSET 0) a
        ORDER BY m.ord);
    IF cardinality(v_waiting) = 1 THEN
        RETURN NEXT admit_one(v_waiting[1]);
        RETURN;
    END IF;

    PERFORM FROM guests g WHERE g.id = ANY (ARRAY(SELECT w.guest_id FROM unnest(v_waiting) AS w WHERE w.allowed))
        ORDER BY g.id FOR NO KEY UPDATE;
    PERFORM FROM tickets t WHERE t.id = ANY (ARRAY(SELECT w.ticket_id FROM unnest(v_waiting) AS w WHERE w.allowed))
        ORDER BY t.id FOR NO KEY UPDATE;
    v_now := date_trunc('milliseconds', clock_timestamp());

    -- What a round does not answer lost its scan id to another scan, or waits for one of the same call
    -- with its scan id or ticket; the next round knows what became of that.
    WHILE cardinality(v_waiting) > 0 LOOP
        WITH known AS MATERIALIZED (
            SELECT w.*, admission_judge(w, t, g, e.status) AS outcome,
                   coalesce(t.validated_at, g.checked_in_at) AS validated_at,
                   g.first_name, g.last_name, g.type, y.name AS ticket_type
            FROM unnest(v_waiting) AS w
            LEFT JOIN tickets t ON t.id = w.ticket_id AND w.allowed
            LEFT JOIN guests g ON g.id = t.guest_id
            LEFT JOIN events e ON e.id = t.event_id
            LEFT JOIN ticket_types y ON y.id = t.ticket_type_id
        ), judged AS MATERIALIZED (
            SELECT known.*, CASE known.outcome WHEN 'admitted' THEN v_now
                                               WHEN 'already-validated' THEN known.validated_at
                                               WHEN 'replay' THEN known.first_validated_at END AS said_at,
                   row_number() OVER (PARTITION BY known.ticket_id, known.outcome ORDER BY known.ord) AS turn,
                   -- who came first has the scan id, also when it waits for its ticket
                   row_number() OVER (PARTITION BY known.ticket_event, known.scan_id ORDER BY known.ord) = 1
                       OR known.scan_id IS NULL OR known.ticket_event IS NULL OR known.first_outcome IS NOT NULL
                       AS has_id,
                   nextval('ticket_scans_id_seq') AS log_id
            FROM known
        ), logged AS (
            -- in one order, so that calls that wait for each other's scan ids do not cross
            INSERT INTO ticket_scans (id, event_id, ticket_id, guest_id, scan_id, code_digest, outcome, validated_at,
                                      scanned_by, created_at)
            SELECT j.log_id, j.ticket_event, j.ticket_id, j.guest_id,
                   CASE WHEN j.outcome NOT IN ('idempotency-mismatch', 'validation-undone') THEN j.scan_id END,
                   j.code_digest, j.outcome, j.said_at, j.caller_id, v_now
            FROM judged j
            WHERE j.outcome <> 'replay' AND j.has_id AND (j.outcome <> 'admitted' OR j.turn = 1)
            ORDER BY j.ticket_event, j.scan_id
            ON CONFLICT (event_id, scan_id) WHERE scan_id IS NOT NULL DO NOTHING
            RETURNING ticket_scans.id
        )
        SELECT array_agg(ROW (j.ord, CASE j.outcome WHEN 'replay' THEN j.first_outcome ELSE j.outcome END,
                              j.outcome = 'replay', j.ticket_id, j.guest_id, j.first_name, j.last_name, j.type,
                              j.ticket_type, j.said_at)::admission_outcome)
        INTO v_answers
        FROM judged j
        WHERE j.outcome = 'replay' OR j.log_id IN (SELECT l.id FROM logged l);  -- hashed, no join of all with all

        PERFORM admit_guests(ARRAY(SELECT a.guest_id FROM unnest(v_answers) AS a
                                   WHERE a.outcome = 'admitted' AND NOT a.replayed), v_now);
        RETURN QUERY SELECT * FROM unnest(v_answers);
        EXIT WHEN cardinality(v_answers) = cardinality(v_waiting);
        v_waiting := admit_recall(ARRAY(SELECT w FROM unnest(v_waiting) AS w
                                        WHERE w.ord NOT IN (SELECT a.ord FROM unnest(v_answers) AS a)));
    END LOOP;
END $$;
