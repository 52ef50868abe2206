-- Guests from a file: the body is kept in chunks as it arrives, read once to count its rows, then
-- worked off 500 rows a transaction with a pointer, so that it can be killed anywhere and run again.

CREATE TABLE imports (
    id          BIGSERIAL PRIMARY KEY,
    event_id    BIGINT NOT NULL REFERENCES events (id),
    created_by  BIGINT NOT NULL REFERENCES users (id),
    -- receiving: the body is on its way; nobody is told of it yet
    status      TEXT NOT NULL DEFAULT 'receiving'
                CHECK (status IN ('receiving', 'queued', 'running', 'done', 'failed')),
    format      TEXT NOT NULL CHECK (format IN ('csv', 'json')),
    dry_run     BOOLEAN NOT NULL,
    notify      BOOLEAN NOT NULL,
    size        BIGINT NOT NULL DEFAULT 0,
    -- the body was read to its end and its rows are counted
    scanned     BOOLEAN NOT NULL DEFAULT false,
    -- the pointer: rows worked off, and offset and physical line of the next one; while it is being
    -- read (not scanned yet) rows counted are in total
    processed   INTEGER NOT NULL DEFAULT 0,
    next_offset BIGINT NOT NULL DEFAULT 0,
    next_line   INTEGER NOT NULL DEFAULT 1,
    total       INTEGER NOT NULL DEFAULT 0,
    created     INTEGER NOT NULL DEFAULT 0,
    updated     INTEGER NOT NULL DEFAULT 0,
    rejected    INTEGER NOT NULL DEFAULT 0,
    -- rows of import_errors
    errors      INTEGER NOT NULL DEFAULT 0,
    -- slices begun since the pointer moved last
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    request_id  TEXT,
    traceparent TEXT,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT ck_imports_counts CHECK (created + updated + rejected = processed AND processed <= total)
) WITH (fillfactor = 70);
CREATE INDEX idx_imports_due ON imports (next_at) WHERE status IN ('queued', 'running');
CREATE INDEX idx_imports_receiving ON imports (created_at) WHERE status = 'receiving';

-- Of one size but the last; gone when the import has ended.
CREATE TABLE import_chunks (
    import_id BIGINT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    number    INTEGER NOT NULL,
    body      BYTEA NOT NULL,
    PRIMARY KEY (import_id, number)
);
-- uncompressed, so that a part of it is read without the rest
ALTER TABLE import_chunks ALTER body SET STORAGE EXTERNAL;

CREATE TABLE import_errors (
    id        BIGSERIAL PRIMARY KEY,
    import_id BIGINT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    line      INTEGER NOT NULL,
    -- name of the field; NULL: the row as a whole
    field     TEXT,
    code      TEXT NOT NULL,
    detail    TEXT NOT NULL
);
CREATE INDEX idx_import_errors_import ON import_errors (import_id, line, id);

-- What a dry run would have done so far: the guests it would have made (guest_id NULL) or changed.
CREATE TABLE import_previews (
    id             BIGSERIAL PRIMARY KEY,
    import_id      BIGINT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    guest_id       BIGINT,
    email          TEXT NOT NULL,   -- lower case
    external_id    TEXT,
    ticket_type_id BIGINT,
    UNIQUE (import_id, email),
    UNIQUE (import_id, external_id)
);
CREATE INDEX idx_import_previews_guest ON import_previews (import_id, guest_id) WHERE guest_id IS NOT NULL;

CREATE TYPE import_row AS (
    ord            INTEGER,     -- from 1, within the slice
    line           INTEGER,
    first_name     TEXT,
    last_name      TEXT,
    email          TEXT,
    phone          TEXT,
    has_phone      BOOLEAN,     -- the file says something of it, be it nothing
    type           TEXT,        -- NULL: not said
    locale         TEXT,
    external_id    TEXT,
    ticket_type_id BIGINT,
    ticket_code    TEXT,
    job_id         UUID         -- of the one job that a row may cause
);

CREATE TYPE import_verdict AS (
    ord      INTEGER,
    outcome  TEXT,              -- create, update, or the slug of the refusal
    field    TEXT,
    guest_id BIGINT             -- of the guest to make or to change; NULL in a dry run's creations
);

-- Rows and what was said of them, side by side.
CREATE FUNCTION import_judged(p_rows import_row[], p_verdicts import_verdict[])
    RETURNS TABLE (ord INTEGER, line INTEGER, first_name TEXT, last_name TEXT, email TEXT, phone TEXT,
                   has_phone BOOLEAN, type TEXT, locale TEXT, external_id TEXT, ticket_type_id BIGINT,
                   ticket_code TEXT, job_id UUID, verdict_ord INTEGER, outcome TEXT, field TEXT, guest_id BIGINT)
    LANGUAGE sql IMMUTABLE AS $$
    SELECT * FROM ROWS FROM (unnest(p_rows), unnest(p_verdicts))
$$;

-- Guests are looked up row by row (LATERAL … LIMIT 1): joined freely, a table that grew since it was
-- analyzed would be read whole for each slice.

-- First of the rows from p_head on that must wait until those before it are written: it shares an
-- address or an external id with one of them, or the address that one of them takes from a guest.
CREATE FUNCTION import_break(p_import BIGINT, p_event BIGINT, p_rows import_row[], p_head INTEGER) RETURNS INTEGER
    LANGUAGE sql VOLATILE AS $$
    WITH waiting AS (
        SELECT r.ord, lower(r.email) AS email, r.external_id
        FROM unnest(p_rows) AS r WHERE r.ord >= p_head
    ), keys AS (
        SELECT w.ord, 'e' || w.email AS key FROM waiting w
        UNION
        SELECT w.ord, 'x' || w.external_id FROM waiting w WHERE w.external_id IS NOT NULL
        UNION
        SELECT w.ord, 'e' || lower(g.email) FROM waiting w
        CROSS JOIN LATERAL (
            SELECT o.email FROM guests o
            WHERE o.event_id = p_event AND o.external_id = w.external_id AND o.status <> 'cancelled' LIMIT 1) g
        UNION
        SELECT w.ord, 'e' || v.email FROM waiting w
        CROSS JOIN LATERAL (
            SELECT o.email FROM import_previews o
            WHERE o.import_id = p_import AND o.external_id = w.external_id LIMIT 1) v
    )
    SELECT min(k.ord) FROM (SELECT ord, lag(ord) OVER (PARTITION BY key ORDER BY ord) AS before FROM keys) k
    WHERE k.before IS NOT NULL
$$;

-- Judge rows none of whom decides another, all locks held. A dry run's own doings count as done.
CREATE FUNCTION import_judge(p_import imports, p_rows import_row[]) RETURNS SETOF import_verdict
    LANGUAGE sql VOLATILE AS $$
    WITH taken AS (
        -- seats that a dry run has given away, by type; the event's are all of them
        SELECT v.ticket_type_id, count(*)::integer AS n FROM import_previews v
        WHERE p_import.dry_run AND v.import_id = p_import.id AND v.guest_id IS NULL GROUP BY 1
    ), known AS (
        SELECT r.ord, r.ticket_type_id, e.status AS event_status,
               e.max_attendees - e.current_attendees - (SELECT coalesce(sum(n), 0) FROM taken) AS event_free,
               t.id AS type_id, t.quantity - t.sold - coalesce(s.n, 0) AS type_free,
               g.id AS guest_id, g.id IS NOT NULL OR v.id IS NOT NULL AS is_known,
               coalesce(v.ticket_type_id, g.ticket_type_id) AS present_type,
               h.id IS NOT NULL AND h.id IS DISTINCT FROM g.id AND h.moved IS NULL
               OR w.id IS NOT NULL AND w.id IS DISTINCT FROM v.id AS is_taken
        FROM unnest(p_rows) AS r
        LEFT JOIN events e ON e.id = p_import.event_id AND e.deleted_at IS NULL
        LEFT JOIN ticket_types t ON t.id = r.ticket_type_id AND t.event_id = e.id AND t.deleted_at IS NULL
        LEFT JOIN taken s ON s.ticket_type_id = t.id
        LEFT JOIN LATERAL (
            SELECT o.id, o.ticket_type_id FROM guests o
            WHERE o.event_id = e.id AND o.external_id = r.external_id AND o.status <> 'cancelled' LIMIT 1) g ON true
        LEFT JOIN LATERAL (
            SELECT o.id, o.ticket_type_id FROM import_previews o
            WHERE p_import.dry_run AND o.import_id = p_import.id AND o.external_id = r.external_id LIMIT 1) v ON true
        LEFT JOIN LATERAL (
            SELECT o.id, (SELECT m.guest_id FROM import_previews m
                          WHERE p_import.dry_run AND m.import_id = p_import.id AND m.guest_id = o.id) AS moved
            FROM guests o
            WHERE o.event_id = e.id AND lower(o.email) = lower(r.email) AND o.status <> 'cancelled' LIMIT 1) h ON true
        LEFT JOIN LATERAL (
            SELECT o.id FROM import_previews o
            WHERE p_import.dry_run AND o.import_id = p_import.id AND o.email = lower(r.email) LIMIT 1) w ON true
    ), judged AS (
        SELECT k.*, CASE
            WHEN event_status IS NULL OR event_status NOT IN ('draft', 'published', 'active') THEN 'event-not-open'
            WHEN ticket_type_id IS NOT NULL AND type_id IS NULL THEN 'unknown-ticket-type'
            WHEN is_known AND type_id <> coalesce(present_type, 0) THEN 'invalid-transition'
            WHEN is_taken THEN 'already-registered'
            WHEN is_known THEN 'update'
            ELSE 'create' END AS outcome
        FROM known k
    ), typed AS (
        -- seats in the file's order, within the type first, then within the event
        SELECT *, row_number() OVER (PARTITION BY type_id ORDER BY ord) AS type_rank
        FROM judged WHERE outcome = 'create'
    ), seated AS (
        SELECT *, row_number() OVER (ORDER BY ord) AS event_rank
        FROM typed WHERE type_id IS NULL OR type_rank <= type_free
    ), winners AS MATERIALIZED (
        SELECT ord, CASE WHEN NOT p_import.dry_run THEN nextval('guests_id_seq') END AS new_id
        FROM (SELECT ord FROM seated WHERE event_rank <= event_free ORDER BY ord) s
    )
    SELECT j.ord, CASE WHEN j.outcome = 'create' AND w.ord IS NULL THEN 'sold-out' ELSE j.outcome END,
           CASE WHEN j.outcome = 'create' AND w.ord IS NULL
                     AND j.type_id IS NOT NULL AND NOT EXISTS (SELECT FROM seated x WHERE x.ord = j.ord) THEN 'ticketTypeId'
                WHEN j.outcome IN ('unknown-ticket-type', 'invalid-transition') THEN 'ticketTypeId'
                WHEN j.outcome = 'already-registered' THEN 'email' END,
           CASE j.outcome WHEN 'update' THEN j.guest_id ELSE w.new_id END
    FROM judged j LEFT JOIN winners w ON w.ord = j.ord
    ORDER BY j.ord
$$;

-- The guests to make: seats, tickets, mails, jobs, statistics. Returns the rows and their jobs.
CREATE FUNCTION import_create(p_import imports, p_rows import_row[], p_verdicts import_verdict[], p_now TIMESTAMPTZ)
    RETURNS TABLE (ord INTEGER, created BOOLEAN, job_id UUID, job_type TEXT)
    LANGUAGE sql VOLATILE AS $$
    WITH made AS MATERIALIZED (
        -- all ids are taken here, so that nothing has to be joined to what was inserted
        SELECT r.*, e.locale AS event_locale, t.id AS type_id,
               CASE WHEN t.id IS NOT NULL THEN nextval('tickets_id_seq')
                    WHEN p_import.notify THEN nextval('notifications_id_seq') END AS subject_id
        FROM import_judged(p_rows, p_verdicts) AS r
        JOIN events e ON e.id = p_import.event_id
        LEFT JOIN ticket_types t ON t.id = r.ticket_type_id
        WHERE r.outcome = 'create'
    ), guest AS (
        INSERT INTO guests (id, event_id, first_name, last_name, email, phone, type, ticket_type_id, status, locale,
                            external_id, registered_by, attempt_id, created_at, updated_at)
        SELECT m.guest_id, p_import.event_id, m.first_name, m.last_name, m.email, m.phone, coalesce(m.type, 'regular'),
               m.type_id, CASE WHEN m.type_id IS NULL THEN 'registered' ELSE 'confirmed' END,
               coalesce(m.locale, m.event_locale), m.external_id, p_import.created_by, gen_random_uuid(), p_now, p_now
        FROM made m ORDER BY m.ord
    ), ticket AS (
        -- an issue that counts as mailed is not mailed
        INSERT INTO tickets (id, event_id, guest_id, ticket_type_id, ticket_code, mailed_issue, created_at, updated_at)
        SELECT m.subject_id, p_import.event_id, m.guest_id, m.type_id, m.ticket_code,
               CASE WHEN p_import.notify THEN 0 ELSE 1 END, p_now, p_now
        FROM made m WHERE m.type_id IS NOT NULL ORDER BY m.ord
    ), mail AS (
        INSERT INTO notifications (id, kind, event_id, guest_id, created_at)
        SELECT m.subject_id, 'registration-confirmed', p_import.event_id, m.guest_id, p_now
        FROM made m WHERE m.type_id IS NULL AND p_import.notify ORDER BY m.ord
    ), job AS MATERIALIZED (
        SELECT m.ord, m.job_id, m.subject_id,
               CASE WHEN m.type_id IS NULL THEN 'send-email' ELSE 'generate-ticket-pdf' END AS job_type
        FROM made m
    ), outbox_row AS (
        INSERT INTO outbox (id, job_type, subject_id, request_id, traceparent)
        SELECT j.job_id, j.job_type, j.subject_id, p_import.request_id, p_import.traceparent
        FROM job j WHERE j.subject_id IS NOT NULL ORDER BY j.job_id
    ), seat AS (
        UPDATE events e SET current_attendees = e.current_attendees + c.n
        FROM (SELECT count(*)::integer AS n FROM made) c WHERE e.id = p_import.event_id AND c.n > 0
    ), sold AS (
        UPDATE ticket_types t SET sold = t.sold + c.n
        FROM (SELECT m.type_id, count(*)::integer AS n FROM made m WHERE m.type_id IS NOT NULL GROUP BY 1) c
        WHERE t.id = c.type_id
    ), delta AS (
        INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
        SELECT p_import.event_id, m.type_id, quarter_of(p_now), d.kind, count(*)::integer
        FROM made m CROSS JOIN LATERAL (VALUES ('guests', true), ('confirmed', m.type_id IS NOT NULL),
                                               ('registrations', true)) AS d (kind, counts)
        WHERE d.counts GROUP BY 2, 4
    )
    SELECT j.ord, true, CASE WHEN j.subject_id IS NOT NULL THEN j.job_id END, j.job_type FROM job j ORDER BY j.ord
$$;

-- The guests to change: what the file says nothing of stays. A changed page makes the PDF anew.
CREATE FUNCTION import_update(p_import imports, p_rows import_row[], p_verdicts import_verdict[], p_now TIMESTAMPTZ)
    RETURNS TABLE (ord INTEGER, created BOOLEAN, job_id UUID, job_type TEXT)
    LANGUAGE sql VOLATILE AS $$
    WITH changed AS MATERIALIZED (
        SELECT r.ord, r.job_id, r.guest_id, r.first_name, r.last_name, r.email,
               CASE WHEN r.has_phone THEN r.phone ELSE g.phone END AS phone, coalesce(r.type, g.type) AS type,
               coalesce(r.locale, g.locale) AS locale,
               (g.first_name, g.last_name, g.locale) IS DISTINCT FROM
               (r.first_name, r.last_name, coalesce(r.locale, g.locale)) AS page
        FROM import_judged(p_rows, p_verdicts) AS r
        JOIN guests g ON g.id = r.guest_id
        WHERE r.outcome = 'update'
    ), guest AS (
        UPDATE guests g
        SET first_name = c.first_name, last_name = c.last_name, email = c.email, phone = c.phone, type = c.type,
            locale = c.locale, edit_version = g.edit_version + 1, updated_at = p_now
        FROM changed c
        WHERE g.id = c.guest_id AND (g.first_name, g.last_name, g.email, g.phone, g.type, g.locale)
                                    IS DISTINCT FROM (c.first_name, c.last_name, c.email, c.phone, c.type, c.locale)
    ), ticket AS (
        UPDATE tickets t
        SET status = 'pending', doc_version = t.doc_version + 1, edit_version = t.edit_version + 1, updated_at = p_now
        FROM changed c
        WHERE t.guest_id = c.guest_id AND c.page AND t.status <> 'cancelled'
        RETURNING t.id, c.ord, c.job_id
    ), outbox_row AS (
        INSERT INTO outbox (id, job_type, subject_id, request_id, traceparent)
        SELECT t.job_id, 'generate-ticket-pdf', t.id, p_import.request_id, p_import.traceparent
        FROM ticket t ORDER BY t.job_id
    )
    SELECT t.ord, false, t.job_id, 'generate-ticket-pdf'::text FROM ticket t
$$;

-- What a dry run would do, remembered for the rows behind.
CREATE FUNCTION import_preview(p_import imports, p_rows import_row[], p_verdicts import_verdict[]) RETURNS VOID
    LANGUAGE sql VOLATILE AS $$
    INSERT INTO import_previews AS v (import_id, guest_id, email, external_id, ticket_type_id)
    SELECT p_import.id, r.guest_id, lower(r.email), r.external_id,
           CASE r.outcome WHEN 'create' THEN r.ticket_type_id
                ELSE (SELECT g.ticket_type_id FROM guests g WHERE g.id = r.guest_id) END
    FROM import_judged(p_rows, p_verdicts) AS r
    WHERE r.outcome IN ('create', 'update')
    ORDER BY r.ord
    ON CONFLICT (import_id, external_id) DO UPDATE SET email = excluded.email
$$;

-- Errors in line order, at most 10,000 an import. Returns how many were added.
CREATE FUNCTION import_report(p_import imports, p_rows import_row[], p_verdicts import_verdict[], p_faults JSONB)
    RETURNS INTEGER
    LANGUAGE sql VOLATILE AS $$
    WITH found AS (
        SELECT f.line, f.field, f.code, f.detail, f.at
        FROM jsonb_to_recordset(p_faults) AS f (line INTEGER, field TEXT, code TEXT, detail TEXT, at INTEGER)
        UNION ALL
        SELECT r.line, r.field, r.outcome, CASE r.outcome
                   WHEN 'event-not-open' THEN 'the event takes no guests'
                   WHEN 'unknown-ticket-type' THEN 'the event has no such ticket type'
                   WHEN 'invalid-transition' THEN 'an import does not change the ticket type of a guest'
                   WHEN 'already-registered' THEN 'this address is registered for the event already'
                   WHEN 'sold-out' THEN 'no seat is left' ELSE r.outcome END, 0
        FROM import_judged(p_rows, p_verdicts) AS r
        WHERE r.outcome NOT IN ('create', 'update')
    ), added AS (
        INSERT INTO import_errors (import_id, line, field, code, detail)
        SELECT p_import.id, line, left(field, 100), code, left(detail, 300) FROM found
        ORDER BY line, at LIMIT greatest(10000 - p_import.errors, 0)
        RETURNING id
    )
    SELECT count(*)::integer FROM added
$$;

-- The import has ended: its report stays, its input goes.
CREATE FUNCTION import_clear(p_import BIGINT) RETURNS VOID
    LANGUAGE sql VOLATILE AS $$
    DELETE FROM import_chunks WHERE import_id = p_import;
    DELETE FROM import_previews WHERE import_id = p_import;
$$;

-- One slice: rows p_rows (JSON array of import_row) and p_bad rows that did not fit the fields, whose
-- violations are p_faults. p_processed: where the pointer stood when they were read; when it moved
-- since, somebody else did them and nothing is done. A VOLATILE function, so that each statement sees
-- what committed while the locks were waited for.
CREATE FUNCTION import_apply(p_id BIGINT, p_processed INTEGER, p_rows JSONB, p_bad INTEGER, p_faults JSONB,
                             p_offset BIGINT, p_line INTEGER)
    RETURNS TABLE (ord INTEGER, created BOOLEAN, job_id UUID, job_type TEXT)
    LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_import   imports;
    v_rows     import_row[] := ARRAY(SELECT r FROM jsonb_populate_recordset(NULL::import_row, p_rows) AS r ORDER BY r.ord);
    v_count    INTEGER := cardinality(v_rows);
    v_now      TIMESTAMPTZ;
    v_known    BIGINT[];        -- guests that the rows may change
    v_head     INTEGER := 1;
    v_tail     INTEGER;
    v_part     import_row[];
    v_verdicts import_verdict[];
    v_all      import_verdict[] := '{}';
    v_errors   INTEGER;
BEGIN
    SELECT i.* INTO v_import FROM imports i
    WHERE i.id = p_id AND i.status = 'running' AND i.scanned AND i.processed = p_processed FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF NOT v_import.dry_run THEN
        PERFORM FROM events e WHERE e.id = v_import.event_id FOR NO KEY UPDATE;
        PERFORM FROM ticket_types t WHERE t.id IN (SELECT r.ticket_type_id FROM unnest(v_rows) AS r)
            ORDER BY t.id FOR NO KEY UPDATE;
        v_known := ARRAY(
            SELECT g.id FROM unnest(v_rows) AS r
            CROSS JOIN LATERAL (
                SELECT o.id FROM guests o
                WHERE o.event_id = v_import.event_id AND o.external_id = r.external_id AND o.status <> 'cancelled'
                LIMIT 1) g);
        PERFORM FROM guests g WHERE g.id = ANY (v_known) ORDER BY g.id FOR NO KEY UPDATE;
        PERFORM FROM tickets t WHERE t.guest_id = ANY (v_known) ORDER BY t.id FOR NO KEY UPDATE;
    END IF;
    v_now := date_trunc('milliseconds', clock_timestamp());

    WHILE v_head <= v_count LOOP
        v_tail := coalesce(import_break(p_id, v_import.event_id, v_rows, v_head) - 1, v_count);
        v_part := v_rows[v_head:v_tail];
        v_verdicts := ARRAY(SELECT v FROM import_judge(v_import, v_part) AS v);
        IF v_import.dry_run THEN
            PERFORM import_preview(v_import, v_part, v_verdicts);
        ELSE
            RETURN QUERY SELECT * FROM import_update(v_import, v_part, v_verdicts, v_now);
            RETURN QUERY SELECT * FROM import_create(v_import, v_part, v_verdicts, v_now);
        END IF;
        v_all := v_all || v_verdicts;
        v_head := v_tail + 1;
    END LOOP;

    v_errors := import_report(v_import, v_rows, v_all, p_faults);
    UPDATE imports i
    SET processed = i.processed + v_count + p_bad,
        created = i.created + c.created,
        updated = i.updated + c.updated,
        rejected = i.rejected + v_count + p_bad - c.created - c.updated,
        errors = i.errors + v_errors,
        next_offset = p_offset, next_line = p_line, attempts = 0, next_at = now(),
        status = CASE WHEN i.processed + v_count + p_bad >= i.total THEN 'done' ELSE i.status END
    FROM (SELECT count(*) FILTER (WHERE v.outcome = 'create')::integer AS created,
                 count(*) FILTER (WHERE v.outcome = 'update')::integer AS updated FROM unnest(v_all) AS v) c
    WHERE i.id = p_id
    RETURNING i.* INTO v_import;
    IF v_import.status = 'done' THEN
        PERFORM import_clear(p_id);
    END IF;
END $$;

-- The file is of no use: nothing more is done, and the report says why.
CREATE FUNCTION import_fail(p_id BIGINT, p_line INTEGER, p_field TEXT, p_code TEXT, p_detail TEXT) RETURNS VOID
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE imports SET status = 'failed', errors = errors + 1 WHERE id = p_id AND status = 'running';
    IF FOUND THEN
        INSERT INTO import_errors (import_id, line, field, code, detail)
        VALUES (p_id, p_line, p_field, p_code, p_detail);
        PERFORM import_clear(p_id);
    END IF;
END $$;
