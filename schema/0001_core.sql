-- The core: who organizes, what is sold, who comes, what was paid, who was admitted, what is to do.
-- Live guest = status <> 'cancelled'. Money is NUMERIC(10,2); times are timestamptz.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Mirror of the Auth Service's users, filled from verified tokens.
CREATE TABLE users (
    id          BIGINT PRIMARY KEY,
    email       VARCHAR(255),
    first_name  VARCHAR(100),
    last_name   VARCHAR(100),
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE events (
    id                BIGSERIAL PRIMARY KEY,
    title             VARCHAR(255) NOT NULL,
    description       TEXT,
    event_date        TIMESTAMPTZ NOT NULL,
    end_date          TIMESTAMPTZ,
    time_zone         TEXT NOT NULL,
    location          VARCHAR(500) NOT NULL,
    max_attendees     INTEGER NOT NULL CHECK (max_attendees BETWEEN 1 AND 100000),
    current_attendees INTEGER NOT NULL DEFAULT 0,
    currency          TEXT NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    locale            TEXT NOT NULL DEFAULT 'en' CHECK (locale IN ('en', 'fr')),
    organizer_id      BIGINT NOT NULL,
    status            VARCHAR(20) NOT NULL DEFAULT 'draft'
                      CHECK (status IN ('draft', 'published', 'active', 'completed', 'cancelled')),
    edit_version      BIGINT NOT NULL DEFAULT 1,
    -- raised by each change of date, zone or place after publication
    change_seq        BIGINT NOT NULL DEFAULT 0,
    created_at        TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at        TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at        TIMESTAMPTZ,
    CONSTRAINT fk_events_organizer FOREIGN KEY (organizer_id) REFERENCES users (id),
    CONSTRAINT ck_events_attendees CHECK (current_attendees BETWEEN 0 AND max_attendees),
    CONSTRAINT ck_events_end CHECK (end_date > event_date),
    CONSTRAINT ck_events_deleted CHECK (deleted_at IS NULL OR current_attendees = 0)
) WITH (fillfactor = 80);

CREATE INDEX idx_events_date ON events (event_date);
CREATE INDEX idx_events_status_date ON events (status, event_date);
CREATE INDEX idx_events_organizer_status ON events (organizer_id, status);
CREATE INDEX idx_events_created ON events (created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_events_title ON events (title, id) WHERE deleted_at IS NULL;
CREATE INDEX idx_events_search ON events USING gin (title gin_trgm_ops, description gin_trgm_ops);

CREATE TABLE ticket_types (
    id             BIGSERIAL PRIMARY KEY,
    event_id       BIGINT NOT NULL,
    name           VARCHAR(100) NOT NULL,
    price          DECIMAL(10,2) NOT NULL CHECK (price >= 0),
    quantity       INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 100000),
    sold           INTEGER NOT NULL DEFAULT 0,
    description    TEXT,
    sales_start_at TIMESTAMPTZ,
    sales_end_at   TIMESTAMPTZ,
    edit_version   BIGINT NOT NULL DEFAULT 1,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at     TIMESTAMPTZ,
    CONSTRAINT fk_ticket_types_event FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT uq_ticket_types_event UNIQUE (event_id, id),
    CONSTRAINT ck_ticket_types_sold CHECK (sold BETWEEN 0 AND quantity),
    CONSTRAINT ck_ticket_types_window CHECK (sales_end_at > sales_start_at),
    CONSTRAINT ck_ticket_types_deleted CHECK (deleted_at IS NULL OR sold = 0)
) WITH (fillfactor = 80);

CREATE TABLE event_staff (
    event_id   BIGINT NOT NULL REFERENCES events (id),
    user_id    BIGINT NOT NULL CHECK (user_id > 0),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, user_id)
);
CREATE INDEX idx_event_staff_user ON event_staff (user_id);

CREATE TABLE guests (
    id             BIGSERIAL PRIMARY KEY,
    event_id       BIGINT NOT NULL,
    first_name     VARCHAR(100) NOT NULL,
    last_name      VARCHAR(100) NOT NULL,
    email          VARCHAR(255) NOT NULL,
    phone          VARCHAR(20),
    type           VARCHAR(20) NOT NULL DEFAULT 'regular'
                   CHECK (type IN ('regular', 'vip', 'speaker', 'staff', 'press', 'sponsor')),
    ticket_type_id BIGINT,
    status         VARCHAR(20) NOT NULL DEFAULT 'registered'
                   CHECK (status IN ('registered', 'confirmed', 'pending', 'cancelled', 'checked_in')),
    -- what an undone check-in goes back to
    status_before  VARCHAR(20) CHECK (status_before IN ('registered', 'confirmed')),
    locale         TEXT NOT NULL DEFAULT 'en' CHECK (locale IN ('en', 'fr')),
    external_id    VARCHAR(100),
    registered_by  BIGINT NOT NULL REFERENCES users (id),
    -- one try of one caller to register: finds the own success after a COMMIT of unknown outcome
    attempt_id     UUID NOT NULL,
    checked_in_at  TIMESTAMPTZ,
    cancelled_at   TIMESTAMPTZ,
    edit_version   BIGINT NOT NULL DEFAULT 1,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at     TIMESTAMPTZ,
    CONSTRAINT fk_guests_event FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT fk_guests_type FOREIGN KEY (event_id, ticket_type_id) REFERENCES ticket_types (event_id, id),
    CONSTRAINT ck_guests_checked_in CHECK ((status = 'checked_in') = (checked_in_at IS NOT NULL)
                                           AND (status = 'checked_in') = (status_before IS NOT NULL)),
    CONSTRAINT ck_guests_cancelled CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    CONSTRAINT ck_guests_deleted CHECK (deleted_at IS NULL OR status = 'cancelled'),
    CONSTRAINT ck_guests_pending CHECK (status <> 'pending' OR ticket_type_id IS NOT NULL)
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX uq_guests_email_event ON guests (event_id, lower(email)) WHERE status <> 'cancelled';
CREATE UNIQUE INDEX uq_guests_external_id ON guests (event_id, external_id)
    WHERE status <> 'cancelled' AND external_id IS NOT NULL;
CREATE INDEX idx_guests_email ON guests (email);
CREATE INDEX idx_guests_status ON guests (status);
CREATE INDEX idx_guests_event_status_date ON guests (event_id, status, created_at);
CREATE INDEX idx_guests_event_created ON guests (event_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
-- unpaid holds of a caller in an event
CREATE INDEX idx_guests_holds ON guests (event_id, registered_by) WHERE status = 'pending';
CREATE INDEX idx_guests_search ON guests
    USING gin ((first_name || ' ' || last_name || ' ' || email) gin_trgm_ops);

CREATE TABLE tickets (
    id             BIGSERIAL PRIMARY KEY,
    event_id       BIGINT NOT NULL REFERENCES events (id),
    guest_id       BIGINT NOT NULL,
    ticket_type_id BIGINT NOT NULL,
    ticket_code    VARCHAR(50) NOT NULL UNIQUE,
    -- exactly what is printed; set with the document
    qr_code_data   TEXT,
    status         VARCHAR(20) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'ready', 'cancelled')),
    -- raised by every change of the page; a document of an older version is dropped
    doc_version    INTEGER NOT NULL DEFAULT 1,
    -- number of the issue (1, then + 1 a reissue), and the last one that was mailed
    issue          INTEGER NOT NULL DEFAULT 1,
    mailed_issue   INTEGER NOT NULL DEFAULT 0,
    -- milliseconds since 1970; the QR holds the same number
    issued_at_ms   BIGINT NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    is_validated   BOOLEAN NOT NULL DEFAULT false,
    validated_at   TIMESTAMPTZ,
    edit_version   BIGINT NOT NULL DEFAULT 1,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT fk_tickets_guest FOREIGN KEY (guest_id) REFERENCES guests (id),
    CONSTRAINT fk_tickets_type FOREIGN KEY (ticket_type_id) REFERENCES ticket_types (id),
    CONSTRAINT ck_tickets_validated CHECK (is_validated = (validated_at IS NOT NULL)),
    CONSTRAINT ck_tickets_issue CHECK (mailed_issue BETWEEN 0 AND issue),
    CONSTRAINT ck_tickets_ready CHECK (status <> 'ready' OR qr_code_data IS NOT NULL)
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX idx_tickets_guest ON tickets (guest_id);

-- One set of documents a ticket: its newest. With a directory as store the three are NULL and
-- `location` names the files' common stem.
CREATE TABLE documents (
    ticket_id   BIGINT PRIMARY KEY REFERENCES tickets (id),
    doc_version INTEGER NOT NULL,
    location    TEXT,
    pdf         BYTEA,
    qr_svg      BYTEA,
    qr_png      BYTEA,
    pdf_sha256  BYTEA NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT ck_documents_where CHECK ((location IS NULL) = (pdf IS NOT NULL AND qr_svg IS NOT NULL
                                                               AND qr_png IS NOT NULL))
);
ALTER TABLE documents ALTER pdf SET STORAGE EXTERNAL, ALTER qr_png SET STORAGE EXTERNAL;

CREATE TABLE payments (
    id                BIGSERIAL PRIMARY KEY,
    event_id          BIGINT NOT NULL REFERENCES events (id),
    guest_id          BIGINT NOT NULL REFERENCES guests (id),
    method            TEXT NOT NULL CHECK (method IN ('intent', 'on_site')),
    status            TEXT NOT NULL CHECK (status IN ('created', 'requires_payment', 'succeeded', 'failed',
                                                      'expired', 'cancelled', 'void', 'disputed')),
    amount            DECIMAL(10,2) NOT NULL CHECK (amount > 0),
    currency          TEXT NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    refunded_amount   DECIMAL(10,2) NOT NULL DEFAULT 0,
    -- the Idempotency-Key of every call about this payment's intent
    payment_key       UUID NOT NULL UNIQUE,
    intent_id         TEXT UNIQUE,
    client_secret     TEXT,
    -- until when the running request may still record its intent (status created)
    deadline_at       TIMESTAMPTZ,
    expires_at        TIMESTAMPTZ,
    paid_at           TIMESTAMPTZ,
    -- disputed: what arrived instead
    received_amount   DECIMAL(12,2),
    received_currency TEXT,
    created_at        TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at        TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT ck_payments_refunded CHECK (refunded_amount BETWEEN 0 AND amount),
    CONSTRAINT ck_payments_paid CHECK (status <> 'succeeded' OR paid_at IS NOT NULL),
    CONSTRAINT ck_payments_intent CHECK (status <> 'requires_payment' OR intent_id IS NOT NULL),
    CONSTRAINT ck_payments_on_site CHECK (method = 'intent' OR status = 'succeeded')
) WITH (fillfactor = 80);
CREATE INDEX idx_payments_guest ON payments (guest_id);
CREATE INDEX idx_payments_event ON payments (event_id);
CREATE INDEX idx_payments_expiry ON payments (expires_at) WHERE status IN ('requires_payment', 'failed');

-- Webhooks as they came, each once by its id.
CREATE TABLE payment_messages (
    webhook_id  TEXT PRIMARY KEY,
    type        TEXT NOT NULL,
    intent_id   TEXT,
    amount      DECIMAL(14,2),
    currency    TEXT,
    refund_id   TEXT,
    -- waiting: its intent (or refund) is not known yet
    state       TEXT NOT NULL CHECK (state IN ('applied', 'waiting', 'ignored')),
    body        TEXT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX idx_payment_messages_waiting ON payment_messages (intent_id) WHERE state = 'waiting';

-- Every attempt to be admitted, and every undo.
CREATE TABLE ticket_scans (
    id           BIGSERIAL PRIMARY KEY,
    event_id     BIGINT,
    ticket_id    BIGINT,
    guest_id     BIGINT,
    scan_id      UUID,
    -- SHA-256 of the presented code: a scanId with another code is a mismatch
    code_digest  BYTEA,
    -- admitted, undone, or the slug of the refusal
    outcome      TEXT NOT NULL,
    validated_at TIMESTAMPTZ,
    by_hand      BOOLEAN NOT NULL DEFAULT false,
    -- an admission that was taken back later
    undone       BOOLEAN NOT NULL DEFAULT false,
    scanned_by   BIGINT NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX uq_ticket_scans_scan ON ticket_scans (event_id, scan_id) WHERE scan_id IS NOT NULL;
CREATE INDEX idx_ticket_scans_event ON ticket_scans (event_id, created_at);
CREATE INDEX idx_ticket_scans_guest ON ticket_scans (guest_id);

-- Jobs: inserted by the transaction that causes them, deleted by the one of their effect.
CREATE TABLE outbox (
    id          UUID PRIMARY KEY,
    job_type    TEXT NOT NULL,
    subject_id  BIGINT NOT NULL,
    state       TEXT NOT NULL DEFAULT 'sent' CHECK (state IN ('sent', 'dead')),
    -- fence and poison counter; calls answered or timed out
    deliveries  INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    begun_at    TIMESTAMPTZ,
    last_error  TEXT,
    request_id  TEXT,
    traceparent TEXT,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now()
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX idx_outbox_created ON outbox (created_at) WHERE state = 'sent';

-- One row a mail; unique by cause.
CREATE TABLE notifications (
    id         BIGSERIAL PRIMARY KEY,
    kind       TEXT NOT NULL CHECK (kind IN ('registration-confirmed', 'payment-due', 'ticket-issued',
                                             'registration-cancelled', 'event-cancelled', 'event-changed',
                                             'refund-done')),
    event_id   BIGINT NOT NULL REFERENCES events (id),
    guest_id   BIGINT NOT NULL REFERENCES guests (id),
    -- what caused it: issue of the ticket, payment, change of the event; 0 where one a guest is all
    cause_id   BIGINT NOT NULL DEFAULT 0,
    status     TEXT NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'sent', 'failed', 'dropped')),
    attempts   INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    -- id the notification service gave it
    service_id TEXT,
    sent_at    TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT uq_notifications_cause UNIQUE (guest_id, kind, cause_id)
) WITH (fillfactor = 80);

-- First answers by caller and key; written with the effect.
CREATE TABLE idempotency_keys (
    caller_id   BIGINT NOT NULL,
    key         TEXT NOT NULL,
    -- SHA-256 of method, path and body
    fingerprint BYTEA NOT NULL,
    -- held: a paid registration between its hold and its recorded intent
    state       TEXT NOT NULL CHECK (state IN ('done', 'held')),
    status      INTEGER,
    location    TEXT,
    etag        TEXT,
    -- the answer as sent, or what the registration function said (see register_guests)
    body        TEXT,
    result      JSONB,
    guest_id    BIGINT,
    deadline_at TIMESTAMPTZ,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (caller_id, key),
    CONSTRAINT ck_idempotency_state CHECK (CASE state WHEN 'held' THEN guest_id IS NOT NULL AND deadline_at IS NOT NULL
                                           ELSE status IS NOT NULL END)
);
CREATE INDEX idx_idempotency_expires ON idempotency_keys (expires_at);

-- Changes of numbers, by the quarter of an hour they concern; folded into roll-ups later.
CREATE TABLE statistics_deltas (
    id             BIGSERIAL PRIMARY KEY,
    event_id       BIGINT NOT NULL,
    ticket_type_id BIGINT,
    quarter        TIMESTAMPTZ NOT NULL,
    -- registrations and cancellations are never lowered; guests and confirmed follow present status
    kind           TEXT NOT NULL CHECK (kind IN ('registrations', 'cancellations', 'guests', 'confirmed',
                                                 'check_ins', 'gross', 'refunded')),
    n              INTEGER NOT NULL,
    amount         DECIMAL(12,2) NOT NULL DEFAULT 0
);
CREATE INDEX idx_statistics_deltas_event ON statistics_deltas (event_id);

-- The quarter of an hour a moment lies in (zones such as Kathmandu's do not share our hours).
CREATE FUNCTION quarter_of(at TIMESTAMPTZ) RETURNS TIMESTAMPTZ
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT date_bin('15 minutes', at, '2000-01-01T00:00:00Z') $$;
