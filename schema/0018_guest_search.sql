-- What guests are searched by lies beside them. In an index of `guests` each change of a guest's status
-- writes it anew, since a new version of a row enters all indexes: a third of what a check-in cost.
--
-- `guest_search` says what `guests` says, whoever writes: triggers keep it, and a check-in fires none of
-- them. No foreign key: that would ask for the guest again with each row, and triggers remove it too.
-- Guests from before are filled in by the next step.

CREATE EXTENSION IF NOT EXISTS btree_gin;

-- As it is searched: LIKE lower(pattern) on this is ILIKE on the names, at a tenth of the price.
CREATE FUNCTION guest_words(first_name TEXT, last_name TEXT, email TEXT) RETURNS TEXT
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT lower(first_name || ' ' || last_name || ' ' || email) $$;

CREATE TABLE guest_search (
    guest_id BIGINT PRIMARY KEY,
    event_id BIGINT NOT NULL,
    words    TEXT NOT NULL
);
-- With the event in it, what a search reads grows with the event and not with the table.
CREATE INDEX idx_guest_search_words ON guest_search USING gin (event_id, words gin_trgm_ops);

-- A statement's guests at once: for many that is half the price of one by one.
CREATE FUNCTION guest_search_add() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO guest_search (guest_id, event_id, words)
    SELECT m.id, m.event_id, guest_words(m.first_name, m.last_name, m.email) FROM made m;
    RETURN NULL;
END $$;

CREATE FUNCTION guest_search_remove() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        TRUNCATE guest_search;
    ELSE
        DELETE FROM guest_search s USING gone WHERE s.guest_id = gone.id;
    END IF;
    RETURN NULL;
END $$;

-- Row by row: only so can a trigger be bound to columns. A guest from before may not be there yet.
CREATE FUNCTION guest_search_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id THEN
        DELETE FROM guest_search s WHERE s.guest_id = OLD.id;
    END IF;
    INSERT INTO guest_search (guest_id, event_id, words)
    VALUES (NEW.id, NEW.event_id, guest_words(NEW.first_name, NEW.last_name, NEW.email))
    ON CONFLICT (guest_id) DO UPDATE SET event_id = excluded.event_id, words = excluded.words;
    RETURN NULL;
END $$;

-- A slice of the guests from before; how many it took, 0: there are no more. Who is being changed is left
-- to the next step, so that nobody waits for anybody longer than for a slice.
CREATE TABLE guest_search_filled (until_id BIGINT NOT NULL);
INSERT INTO guest_search_filled (until_id) VALUES (0);

CREATE FUNCTION guest_search_fill(p_slice INTEGER) RETURNS INTEGER
    LANGUAGE plpgsql AS $$
DECLARE
    v_taken INTEGER;
    v_until BIGINT;
BEGIN
    WITH slice AS MATERIALIZED (
        -- locked: no trigger is at the same row
        SELECT g.id, g.event_id, guest_words(g.first_name, g.last_name, g.email) AS words
        FROM guests g WHERE g.id > (SELECT f.until_id FROM guest_search_filled f)
        ORDER BY g.id LIMIT p_slice FOR NO KEY UPDATE SKIP LOCKED
    ), added AS (
        INSERT INTO guest_search (guest_id, event_id, words) SELECT id, event_id, words FROM slice
        ON CONFLICT (guest_id) DO NOTHING
    )
    SELECT count(*), max(id) INTO v_taken, v_until FROM slice;
    UPDATE guest_search_filled SET until_id = v_until WHERE v_taken > 0;
    RETURN v_taken;
END $$;

-- Last, since who writes guests waits from here to the end of the step.
CREATE TRIGGER guest_search_added AFTER INSERT ON guests
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION guest_search_add();
CREATE TRIGGER guest_search_removed AFTER DELETE ON guests
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION guest_search_remove();
CREATE TRIGGER guest_search_emptied AFTER TRUNCATE ON guests
    FOR EACH STATEMENT EXECUTE FUNCTION guest_search_remove();
CREATE TRIGGER guest_search_changed AFTER UPDATE OF id, event_id, first_name, last_name, email ON guests
    FOR EACH ROW EXECUTE FUNCTION guest_search_change();
