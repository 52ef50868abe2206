-- What an event's change means for its guests is worked off in the background, a slice at a time,
-- with a pointer on the event: so it can be killed anywhere and run again.

ALTER TABLE events
    -- cancel: guests up to this id are done; NULL when the cascade is over or was never due
    ADD COLUMN cancel_after BIGINT,
    -- event-changed: the change being told, guests up to this id are told; the last change told to all
    ADD COLUMN telling_seq  BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN telling_after BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN told_seq     BIGINT NOT NULL DEFAULT 0;

CREATE INDEX idx_events_cancelling ON events (id) WHERE cancel_after IS NOT NULL;
CREATE INDEX idx_events_telling ON events (id) WHERE told_seq < change_seq;
CREATE INDEX idx_guests_event_id ON guests (event_id, id) WHERE deleted_at IS NULL;

-- Every way to `cancelled` makes the cascade due.
CREATE FUNCTION begin_cancel_cascade() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.cancel_after := 0;
    RETURN NEW;
END $$;
CREATE TRIGGER begin_cancel_cascade BEFORE UPDATE OF status ON events
    FOR EACH ROW WHEN (NEW.status = 'cancelled' AND OLD.status <> 'cancelled')
    EXECUTE FUNCTION begin_cancel_cascade();

-- Cancel the guests of a cancelled event among the next p_limit ones who have no payment, all at
-- once; tell those who are checked in. The event's row is locked by the caller. Guests with a
-- payment are left to the caller: their ids come back. Types, guests, tickets are locked in order.
CREATE FUNCTION cancel_guests_slice(p_event BIGINT, p_after BIGINT, p_limit INTEGER, p_request TEXT, p_trace TEXT)
    RETURNS TABLE (last_id BIGINT, paying BIGINT[], jobs UUID[])
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now TIMESTAMPTZ := clock_timestamp();
    v_all BIGINT[];
    v_free BIGINT[];
    v_told BIGINT[];
BEGIN
    PERFORM FROM ticket_types t WHERE t.event_id = p_event ORDER BY t.id FOR NO KEY UPDATE;
    v_all := ARRAY(SELECT g.id FROM guests g WHERE g.event_id = p_event AND g.id > p_after AND g.deleted_at IS NULL
                   ORDER BY g.id LIMIT p_limit);
    PERFORM FROM guests g WHERE g.id = ANY (v_all) ORDER BY g.id FOR NO KEY UPDATE;
    PERFORM FROM tickets t WHERE t.guest_id = ANY (v_all) ORDER BY t.id FOR NO KEY UPDATE;

    paying := ARRAY(SELECT g.id FROM guests g WHERE g.id = ANY (v_all) AND g.status NOT IN ('cancelled', 'checked_in')
                    AND EXISTS (SELECT FROM payments p WHERE p.guest_id = g.id) ORDER BY g.id);
    v_free := ARRAY(SELECT g.id FROM guests g WHERE g.id = ANY (v_all) AND g.status NOT IN ('cancelled', 'checked_in')
                    AND g.id <> ALL (paying) ORDER BY g.id);
    v_told := v_free || ARRAY(SELECT g.id FROM guests g WHERE g.id = ANY (v_all) AND g.status = 'checked_in');

    WITH freed AS (
        SELECT g.id, g.ticket_type_id, g.created_at, g.status = 'confirmed' AS confirmed
        FROM guests g WHERE g.id = ANY (v_free)
    ), seat AS (
        UPDATE events e SET current_attendees = e.current_attendees - cardinality(v_free)
        WHERE e.id = p_event AND cardinality(v_free) > 0
    ), sold AS (
        UPDATE ticket_types t SET sold = t.sold - c.n
        FROM (SELECT ticket_type_id, count(*)::integer AS n FROM freed GROUP BY 1) c WHERE t.id = c.ticket_type_id
    ), ticket AS (
        UPDATE tickets t SET status = 'cancelled', doc_version = t.doc_version + 1, edit_version = t.edit_version + 1,
                             updated_at = v_now
        WHERE t.guest_id = ANY (v_free) AND t.status <> 'cancelled'
    ), delta AS (
        INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
        SELECT p_event, f.ticket_type_id, quarter_of(d.at), d.kind, sum(d.n)::integer
        FROM freed f CROSS JOIN LATERAL (VALUES ('guests', f.created_at, -1),
                                                ('confirmed', f.created_at, CASE WHEN f.confirmed THEN -1 ELSE 0 END),
                                                ('cancellations', v_now, 1)) AS d (kind, at, n)
        WHERE d.n <> 0 GROUP BY 2, 3, 4
    )
    UPDATE guests g SET status = 'cancelled', cancelled_at = v_now, edit_version = g.edit_version + 1, updated_at = v_now
    WHERE g.id = ANY (v_free);

    WITH mail AS (
        INSERT INTO notifications (kind, event_id, guest_id)
        SELECT 'event-cancelled', p_event, id FROM unnest(v_told) AS id
        ON CONFLICT DO NOTHING
        RETURNING id
    ), job AS (
        INSERT INTO outbox (id, job_type, subject_id, request_id, traceparent)
        SELECT gen_random_uuid(), 'send-email', mail.id, p_request, p_trace FROM mail
        RETURNING id
    )
    SELECT array_agg(job.id) INTO jobs FROM job;
    last_id := v_all[cardinality(v_all)];
    RETURN NEXT;
END $$;
