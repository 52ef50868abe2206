-- Refunds; what the sweeper needs to end holds and to void intents; holds that end together.

-- Money that goes back. Its sum is watched under the payment's lock: see payments.refunding_amount.
CREATE TABLE refunds (
    id         BIGSERIAL PRIMARY KEY,
    payment_id BIGINT NOT NULL REFERENCES payments (id),
    amount     DECIMAL(12,2) NOT NULL CHECK (amount > 0),
    currency   TEXT NOT NULL,
    -- failed: tried, and tried again at next_at; dead: given up, an operator decides
    status     TEXT NOT NULL CHECK (status IN ('requested', 'done', 'failed', 'dead')),
    -- why: asked for by hand, told by a mail of that kind, late or double money, made at the service
    cause      TEXT NOT NULL CHECK (cause IN ('asked', 'registration-cancelled', 'event-cancelled', 'late', 'double',
                                              'service')),
    -- the Idempotency-Key of the call, and the service's id
    refund_key UUID NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    refund_id  TEXT UNIQUE,
    attempts   INTEGER NOT NULL DEFAULT 0,
    -- when the service is asked; NULL: not again (done, dead, or its webhook will tell)
    next_at    TIMESTAMPTZ,
    -- since when it is tried: the service forgets keys after a day
    tried_from TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_error TEXT,
    done_at    TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT ck_refunds_done CHECK ((status = 'done') = (done_at IS NOT NULL)),
    CONSTRAINT ck_refunds_next CHECK (next_at IS NULL OR status IN ('requested', 'failed'))
) WITH (fillfactor = 80);
CREATE INDEX idx_refunds_payment ON refunds (payment_id);
CREATE INDEX idx_refunds_next ON refunds (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX idx_refunds_open ON refunds (status) WHERE status <> 'done';

ALTER TABLE payments
    ALTER refunded_amount TYPE DECIMAL(12,2),
    -- refunds that are neither done nor given back: requested, failed, dead
    ADD refunding_amount DECIMAL(12,2) NOT NULL DEFAULT 0,
    -- the Idempotency-Key of the call that cancels the intent
    ADD cancel_key       UUID NOT NULL DEFAULT gen_random_uuid(),
    -- open: a process ends this hold until then; infinity: the hold of disputed money has ended
    ADD next_at          TIMESTAMPTZ,
    -- when the intent is cancelled at the service (asked for under payment_key first when unknown)
    ADD void_at          TIMESTAMPTZ,
    ADD void_attempts    INTEGER NOT NULL DEFAULT 0,
    DROP CONSTRAINT ck_payments_refunded,
    ADD CONSTRAINT ck_payments_refunded CHECK (
        refunded_amount >= 0 AND refunding_amount >= 0
        AND refunded_amount + refunding_amount <= CASE status WHEN 'succeeded' THEN amount
                                                              WHEN 'disputed' THEN coalesce(received_amount, 0)
                                                              ELSE 0 END);
DROP INDEX idx_payments_expiry;
CREATE INDEX idx_payments_expiry ON payments (expires_at)
    WHERE status IN ('requires_payment', 'failed', 'disputed') AND next_at IS DISTINCT FROM 'infinity'::timestamptz;
CREATE INDEX idx_payments_void ON payments (void_at) WHERE void_at IS NOT NULL;
CREATE INDEX idx_payments_crashed ON payments (deadline_at) WHERE status = 'created';

-- When the sweeper looks at a waiting message again.
ALTER TABLE payment_messages ADD next_at TIMESTAMPTZ;

-- End holds whose time is over, all together: any number in one transaction and one round trip.
-- p_void: per payment, the service did not say that its intent is cancelled, so a later call does.
-- What was paid or ended meanwhile is left alone. The jobs are those of the mails.
CREATE FUNCTION end_holds(p_payments BIGINT[], p_void BOOLEAN[], p_request TEXT, p_trace TEXT)
    RETURNS TABLE (ended INTEGER, jobs UUID[])
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_guests BIGINT[] := ARRAY(SELECT p.guest_id FROM payments p WHERE p.id = ANY (p_payments));
    v_now    TIMESTAMPTZ;
BEGIN
    PERFORM FROM events e WHERE e.id IN (SELECT g.event_id FROM guests g WHERE g.id = ANY (v_guests))
        ORDER BY e.id FOR NO KEY UPDATE;
    PERFORM FROM ticket_types t WHERE t.id IN (SELECT g.ticket_type_id FROM guests g WHERE g.id = ANY (v_guests))
        ORDER BY t.id FOR NO KEY UPDATE;
    PERFORM FROM guests g WHERE g.id = ANY (v_guests) ORDER BY g.id FOR NO KEY UPDATE;
    PERFORM FROM payments p WHERE p.id = ANY (p_payments) ORDER BY p.id FOR NO KEY UPDATE;
    v_now := clock_timestamp();

    WITH due AS MATERIALIZED (
        SELECT p.id, p.guest_id, p.status, w.void
        FROM unnest(p_payments, p_void) AS w (id, void)
        JOIN payments p ON p.id = w.id
        WHERE p.status IN ('requires_payment', 'failed', 'disputed') AND p.expires_at <= v_now
    ), payment AS (
        UPDATE payments p
        SET status = CASE due.status WHEN 'disputed' THEN 'disputed' ELSE 'expired' END,
            next_at = CASE due.status WHEN 'disputed' THEN 'infinity'::timestamptz END,
            void_at = CASE WHEN due.void AND due.status <> 'disputed' THEN v_now END,
            client_secret = NULL, updated_at = v_now
        FROM due WHERE p.id = due.id
    ), gone AS (
        UPDATE guests g
        SET status = 'cancelled', cancelled_at = v_now, edit_version = g.edit_version + 1, updated_at = v_now
        FROM due WHERE g.id = due.guest_id AND g.status = 'pending'
        RETURNING g.id, g.event_id, g.ticket_type_id, g.created_at, due.id AS payment_id
    ), seat AS (
        UPDATE events e SET current_attendees = e.current_attendees - c.n
        FROM (SELECT gone.event_id, count(*)::integer AS n FROM gone GROUP BY 1) c WHERE e.id = c.event_id
    ), sold AS (
        UPDATE ticket_types t SET sold = t.sold - c.n
        FROM (SELECT gone.ticket_type_id, count(*)::integer AS n FROM gone GROUP BY 1) c WHERE t.id = c.ticket_type_id
    ), delta AS (
        INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
        SELECT gone.event_id, gone.ticket_type_id, d.quarter, d.kind, sum(d.n)::integer
        FROM gone CROSS JOIN LATERAL (VALUES ('guests', quarter_of(gone.created_at), -1),
                                             ('cancellations', quarter_of(v_now), 1)) AS d (kind, quarter, n)
        GROUP BY 1, 2, 3, 4
    ), mail AS (
        -- a hold that ended tells so once; a later cancel of the same guest, revived, has a mail of its own
        INSERT INTO notifications (kind, event_id, guest_id, cause_id)
        SELECT 'registration-cancelled', gone.event_id, gone.id, gone.payment_id FROM gone ORDER BY gone.id
        ON CONFLICT DO NOTHING
        RETURNING notifications.id
    ), job AS (
        INSERT INTO outbox (id, job_type, subject_id, request_id, traceparent)
        SELECT gen_random_uuid(), 'send-email', mail.id, p_request, p_trace FROM mail
        RETURNING outbox.id
    )
    SELECT (SELECT count(*)::integer FROM due), (SELECT array_agg(job.id) FROM job) INTO ended, jobs;
    RETURN NEXT;
END $$;
