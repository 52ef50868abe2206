-- before: SELECT guest_search_fill(2000)
-- Guests are searched for in guest_search (see the step before), and no longer in an index of their own.

-- Who was being changed while the slices came by.
INSERT INTO guest_search (guest_id, event_id, words)
SELECT g.id, g.event_id, guest_words(g.first_name, g.last_name, g.email)
FROM guests g WHERE NOT EXISTS (SELECT FROM guest_search s WHERE s.guest_id = g.id)
ORDER BY g.id FOR NO KEY UPDATE OF g
ON CONFLICT (guest_id) DO NOTHING;
DROP FUNCTION guest_search_fill(INTEGER);
DROP TABLE guest_search_filled;

-- The guests of an event who have a pattern in their words, deleted ones too. One that is too short for trigrams is
-- kept away from the index: it would go through all of it. Of such a one it knows who is in the event.
CREATE FUNCTION guest_search_ids(p_event_id BIGINT, p_pattern TEXT) RETURNS BIGINT[]
    LANGUAGE plpgsql STABLE
    -- there is one way to come by the rows, whatever the planner knows of them
    SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off
    SET max_parallel_workers_per_gather = 0
    SET jit = off
    AS $$
BEGIN
    IF p_pattern ~ '[[:alnum:]]{3}' THEN
        RETURN ARRAY(SELECT s.guest_id FROM guest_search s
                     WHERE s.event_id = p_event_id AND s.words LIKE lower(p_pattern));
    END IF;
    RETURN ARRAY(SELECT s.guest_id FROM guest_search s
                 WHERE s.event_id = p_event_id AND s.words || '' LIKE lower(p_pattern));
END $$;

-- As before: a page of an event's guests whom a pattern finds. First the newest guests are read, in order: what
-- many have fills the page there, in an event of any size and whatever the planner thinks of the pattern. Else few
-- have it, and the search knows which.
CREATE OR REPLACE FUNCTION guests_found(p_event_id BIGINT, p_after_at TIMESTAMPTZ, p_after_id BIGINT, p_limit BIGINT,
                                        p_offset BIGINT, p_status TEXT, p_type TEXT, p_ticket_type_id BIGINT,
                                        p_pattern TEXT)
    RETURNS SETOF BIGINT
    LANGUAGE plpgsql STABLE ROWS 21
    SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET max_parallel_workers_per_gather = 0
    SET jit = off
    AS $$
DECLARE
    v_read CONSTANT BIGINT := 500 + p_offset;
    v_at   CONSTANT TIMESTAMPTZ := coalesce(p_after_at, 'infinity');
    v_id   CONSTANT BIGINT := coalesce(p_after_id, 9223372036854775807);
    v_page BIGINT[];
BEGIN
    v_page := ARRAY(
        SELECT n.id
        FROM (SELECT g.* FROM guests g
              WHERE g.event_id = p_event_id AND g.deleted_at IS NULL AND (g.created_at, g.id) < (v_at, v_id)
              ORDER BY g.created_at DESC, g.id DESC LIMIT v_read) n
        WHERE (p_status IS NULL OR n.status = p_status)
          AND (p_type IS NULL OR n.type = p_type)
          AND (p_ticket_type_id IS NULL OR n.ticket_type_id = p_ticket_type_id)
          AND guest_words(n.first_name, n.last_name, n.email) LIKE lower(p_pattern)
        ORDER BY n.created_at DESC, n.id DESC
        LIMIT p_limit OFFSET p_offset);
    IF cardinality(v_page) < p_limit THEN
        PERFORM FROM guests g
        WHERE g.event_id = p_event_id AND g.deleted_at IS NULL AND (g.created_at, g.id) < (v_at, v_id)
        ORDER BY g.created_at DESC, g.id DESC LIMIT 1 OFFSET v_read;
        IF FOUND THEN
            v_page := ARRAY(
                SELECT g.id
                FROM unnest(guest_search_ids(p_event_id, p_pattern)) AS found (id) JOIN guests g ON g.id = found.id
                WHERE g.deleted_at IS NULL AND (g.created_at, g.id) < (v_at, v_id)
                  AND (p_status IS NULL OR g.status = p_status)
                  AND (p_type IS NULL OR g.type = p_type)
                  AND (p_ticket_type_id IS NULL OR g.ticket_type_id = p_ticket_type_id)
                ORDER BY g.created_at DESC, g.id DESC
                LIMIT p_limit OFFSET p_offset);
        END IF;
    END IF;
    RETURN QUERY SELECT unnest(v_page);
END $$;

-- How many there are in all. Planned for as many as were found.
CREATE FUNCTION guests_found_count(p_event_id BIGINT, p_status TEXT, p_type TEXT, p_ticket_type_id BIGINT,
                                   p_pattern TEXT)
    RETURNS BIGINT
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode = force_custom_plan
    AS $$
DECLARE
    v_found CONSTANT BIGINT[] := guest_search_ids(p_event_id, p_pattern);
BEGIN
    RETURN (SELECT count(*)
            FROM unnest(v_found) AS found (id) JOIN guests g ON g.id = found.id
            WHERE g.event_id = p_event_id AND g.deleted_at IS NULL
              AND (p_status IS NULL OR g.status = p_status)
              AND (p_type IS NULL OR g.type = p_type)
              AND (p_ticket_type_id IS NULL OR g.ticket_type_id = p_ticket_type_id));
END $$;

-- Plans of registrations are made once a session, maybe while the tables are empty, when to read a whole table for a
-- join is cheapest; on full ones that is what a batch then costs. The statement said so with every call; one member
-- alone is judged by the same plans.
ALTER FUNCTION register_guests(JSONB, INTEGER, INTEGER, INTEGER, BOOLEAN)
    SET enable_material = off
    SET enable_bitmapscan = off;
ALTER FUNCTION register_guest(JSONB, INTEGER, INTEGER, INTEGER, BOOLEAN)
    SET enable_material = off
    SET enable_bitmapscan = off;

-- Programs of the version before search by the functions above, and count by the index of an event's guests.
DROP INDEX idx_guests_search;
