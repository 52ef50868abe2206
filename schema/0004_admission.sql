-- Admission: one call, one transaction, one round trip, for any number of scans.
--
-- VOLATILE PL/pgSQL, so that each statement sees what committed while the one before it waited:
-- first all locks (guests, then tickets, by ascending id, never the event), then the statements
-- that judge and write. Refusals are outcomes, never errors; each is kept in ticket_scans.

-- Codes that a reissue replaced: at the door they are cancelled tickets, not unknown ones.
CREATE TABLE retired_codes (
    ticket_code VARCHAR(50) PRIMARY KEY,
    ticket_id   BIGINT NOT NULL REFERENCES tickets (id),
    retired_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TYPE admission AS (
    ord          INTEGER,   -- order of arrival
    caller_id    BIGINT,
    is_admin     BOOLEAN,
    qr_ticket_id BIGINT,    -- of an authentic QR; with a code alone these four are NULL
    qr_event_id  BIGINT,
    qr_guest_id  BIGINT,
    qr_issued_ms BIGINT,
    ticket_code  TEXT,
    event_id     BIGINT,    -- where the scanner stands, NULL: not said
    scan_id      UUID,
    code_digest  TEXT       -- hex SHA-256 of what was presented
);

CREATE TYPE admission_outcome AS (
    ord          INTEGER,
    outcome      TEXT,        -- admitted, or the slug of the refusal
    replayed     BOOLEAN,     -- the first answer to this scan id
    ticket_id    BIGINT,
    guest_id     BIGINT,
    first_name   TEXT,
    last_name    TEXT,
    type         TEXT,
    ticket_type  TEXT,
    validated_at TIMESTAMPTZ  -- admitted: now or then; already-validated: when that was
);

-- A scan with the ticket that it names.
CREATE TYPE admission_found AS (
    ord       INTEGER,
    scan      admission,
    allowed   BOOLEAN,
    ticket_id BIGINT,
    guest_id  BIGINT
);

-- Check guests in, all their rows locked and judged: state, ticket, statistics.
CREATE FUNCTION admit_guests(p_guests BIGINT[], p_at TIMESTAMPTZ) RETURNS VOID
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    WITH guest AS (
        UPDATE guests g
        SET status_before = g.status, status = 'checked_in', checked_in_at = p_at,
            edit_version = g.edit_version + 1, updated_at = p_at
        WHERE g.id = ANY (p_guests)
        RETURNING g.id, g.event_id, g.ticket_type_id, g.created_at, g.status_before
    ), ticket AS (
        UPDATE tickets t
        SET is_validated = true, validated_at = p_at, edit_version = t.edit_version + 1, updated_at = p_at
        FROM guest WHERE t.guest_id = guest.id AND t.status <> 'cancelled'
    )
    INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
    SELECT guest.event_id, guest.ticket_type_id, d.quarter, d.kind, count(*)::integer
    FROM guest
    CROSS JOIN LATERAL (VALUES ('check_ins', quarter_of(p_at), true),
                               -- a guest without a ticket type may come unconfirmed
                               ('confirmed', quarter_of(guest.created_at), guest.status_before = 'registered'))
        AS d (kind, quarter, counts)
    WHERE d.counts
    GROUP BY 1, 2, 3, 4;
END $$;

-- Take a locked, checked-in guest's admission back; who did it goes to the scan log.
CREATE FUNCTION undo_admission(p_guest BIGINT, p_caller BIGINT) RETURNS VOID
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    WITH old AS MATERIALIZED (
        SELECT g.id, g.event_id, g.ticket_type_id, g.created_at, g.status_before, g.checked_in_at, t.id AS ticket_id
        FROM guests g LEFT JOIN tickets t ON t.guest_id = g.id
        WHERE g.id = p_guest AND g.status = 'checked_in'
    ), guest AS (
        UPDATE guests g
        SET status = old.status_before, status_before = NULL, checked_in_at = NULL,
            edit_version = g.edit_version + 1, updated_at = now()
        FROM old WHERE g.id = old.id
    ), ticket AS (
        UPDATE tickets t
        SET is_validated = false, validated_at = NULL, edit_version = t.edit_version + 1, updated_at = now()
        FROM old WHERE t.id = old.ticket_id AND t.is_validated
    ), undone AS (
        UPDATE ticket_scans s SET undone = true
        FROM old WHERE s.guest_id = old.id AND s.outcome = 'admitted' AND NOT s.undone
    ), trail AS (
        INSERT INTO ticket_scans (event_id, ticket_id, guest_id, outcome, validated_at, by_hand, scanned_by, created_at)
        SELECT old.event_id, old.ticket_id, old.id, 'undone', old.checked_in_at, true, p_caller, clock_timestamp()
        FROM old
    )
    INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
    SELECT old.event_id, old.ticket_type_id, d.quarter, d.kind, -1
    FROM old
    CROSS JOIN LATERAL (VALUES ('check_ins', quarter_of(old.checked_in_at), true),
                               ('confirmed', quarter_of(old.created_at), old.status_before = 'registered'))
        AS d (kind, quarter, counts)
    WHERE d.counts;
END $$;

-- p_members: JSON array of `admission`, in order of arrival.
CREATE FUNCTION admit_tickets(p_members JSONB) RETURNS SETOF admission_outcome
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_waiting admission_found[];
    v_answers admission_outcome[];
    v_now     TIMESTAMPTZ;
BEGIN
    v_waiting := ARRAY(
        SELECT ROW (m.ord, m, e.id IS NOT NULL
                        AND (manages(e.organizer_id, m.caller_id, m.is_admin)
                             OR EXISTS (SELECT FROM event_staff s WHERE s.event_id = e.id AND s.user_id = m.caller_id)),
                    t.id, t.guest_id)::admission_found
        FROM jsonb_populate_recordset(NULL::admission, p_members) AS m
        LEFT JOIN tickets t
            ON t.id = CASE WHEN m.ticket_code IS NULL THEN m.qr_ticket_id
                           ELSE coalesce((SELECT c.id FROM tickets c WHERE c.ticket_code = m.ticket_code),
                                         (SELECT r.ticket_id FROM retired_codes r WHERE r.ticket_code = m.ticket_code))
                      END
            AND (m.ticket_code IS NOT NULL OR t.event_id = m.qr_event_id AND t.guest_id = m.qr_guest_id)
        LEFT JOIN events e ON e.id = t.event_id AND e.deleted_at IS NULL
        ORDER BY m.ord);

    PERFORM FROM guests g WHERE g.id IN (SELECT w.guest_id FROM unnest(v_waiting) AS w WHERE w.allowed)
        ORDER BY g.id FOR NO KEY UPDATE;
    PERFORM FROM tickets t WHERE t.id IN (SELECT w.ticket_id FROM unnest(v_waiting) AS w WHERE w.allowed)
        ORDER BY t.id FOR NO KEY UPDATE;
    v_now := date_trunc('milliseconds', clock_timestamp());

    -- What a round does not answer lost its scan id to another transaction, or its ticket to a scan
    -- of the same call; the next round sees the winner's row.
    WHILE cardinality(v_waiting) > 0 LOOP
        WITH known AS MATERIALIZED (
            SELECT w.ord, w.scan, w.ticket_id, w.guest_id, CASE WHEN w.allowed THEN t.event_id END AS event_id,
                   k.outcome AS first_outcome, k.validated_at AS first_validated_at,
                   coalesce(t.validated_at, g.checked_in_at) AS validated_at,
                   g.first_name, g.last_name, g.type, y.name AS ticket_type,
                   CASE WHEN w.allowed IS NOT TRUE THEN 'not-found'
                        WHEN encode(k.code_digest, 'hex') <> (w.scan).code_digest THEN 'idempotency-mismatch'
                        WHEN k.undone THEN 'validation-undone'
                        WHEN k.id IS NOT NULL THEN 'replay'
                        WHEN (w.scan).event_id <> t.event_id THEN 'wrong-event'
                        WHEN e.status = 'cancelled' THEN 'ticket-cancelled'
                        WHEN e.status NOT IN ('published', 'active') THEN 'event-not-open'
                        WHEN 'cancelled' IN (t.status, g.status) THEN 'ticket-cancelled'
                        WHEN (w.scan).ticket_code <> t.ticket_code THEN 'ticket-cancelled'
                        WHEN (w.scan).qr_issued_ms <> t.issued_at_ms THEN 'ticket-cancelled'
                        WHEN t.is_validated OR g.status = 'checked_in' THEN 'already-validated'
                        WHEN g.status = 'pending' THEN 'not-paid'
                        ELSE 'admitted' END AS outcome
            FROM unnest(v_waiting) AS w
            LEFT JOIN tickets t ON t.id = w.ticket_id
            LEFT JOIN guests g ON g.id = w.guest_id
            LEFT JOIN events e ON e.id = t.event_id
            LEFT JOIN ticket_types y ON y.id = t.ticket_type_id
            LEFT JOIN ticket_scans k ON k.event_id = t.event_id AND k.scan_id = (w.scan).scan_id
        ), judged AS MATERIALIZED (
            SELECT known.*, CASE known.outcome WHEN 'admitted' THEN v_now
                                               WHEN 'already-validated' THEN known.validated_at END AS said_at,
                   row_number() OVER (PARTITION BY known.ticket_id, known.outcome ORDER BY known.ord) AS turn,
                   nextval('ticket_scans_id_seq') AS log_id
            FROM known
        ), logged AS (
            -- in one order, so that calls that wait for each other's scan ids do not cross
            INSERT INTO ticket_scans (id, event_id, ticket_id, guest_id, scan_id, code_digest, outcome, validated_at,
                                      scanned_by, created_at)
            SELECT j.log_id, j.event_id, j.ticket_id, j.guest_id,
                   CASE WHEN j.outcome NOT IN ('idempotency-mismatch', 'validation-undone') THEN (j.scan).scan_id END,
                   decode((j.scan).code_digest, 'hex'), j.outcome, j.said_at, (j.scan).caller_id, v_now
            FROM judged j
            WHERE j.outcome <> 'replay' AND (j.outcome <> 'admitted' OR j.turn = 1)
            ORDER BY j.event_id, (j.scan).scan_id
            ON CONFLICT (event_id, scan_id) WHERE scan_id IS NOT NULL DO NOTHING
            RETURNING ticket_scans.id
        )
        SELECT array_agg(ROW (j.ord, CASE j.outcome WHEN 'replay' THEN j.first_outcome ELSE j.outcome END,
                              j.outcome = 'replay', j.ticket_id, j.guest_id, j.first_name, j.last_name, j.type,
                              j.ticket_type, CASE j.outcome WHEN 'replay' THEN j.first_validated_at ELSE j.said_at END
                         )::admission_outcome ORDER BY j.ord)
        INTO v_answers
        FROM judged j
        LEFT JOIN logged l ON l.id = j.log_id
        WHERE j.outcome = 'replay' OR l.id IS NOT NULL;

        PERFORM admit_guests(ARRAY(SELECT a.guest_id FROM unnest(v_answers) AS a
                                   WHERE a.outcome = 'admitted' AND NOT a.replayed), v_now);
        RETURN QUERY SELECT * FROM unnest(v_answers);
        v_waiting := ARRAY(SELECT w FROM unnest(v_waiting) AS w
                           WHERE NOT EXISTS (SELECT FROM unnest(v_answers) AS a WHERE a.ord = w.ord)
                           ORDER BY w.ord);
    END LOOP;
END $$;
