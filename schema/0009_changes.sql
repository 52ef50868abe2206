-- What a change of an event means for its guests follows in the background, a slice at a time; the
-- change itself only raises numbers.

-- Who is told: the guests who were there, not those who registered for what it has become. Guests
-- of an event get their ids under its lock.
ALTER TABLE events ADD COLUMN telling_until BIGINT NOT NULL DEFAULT 0;
UPDATE events e SET telling_until = coalesce((SELECT max(g.id) FROM guests g WHERE g.event_id = e.id), 0)
WHERE told_seq < change_seq;

-- Pages: one older than the last change of what it shows (title, date, place, name or price of the
-- type …) is no document until it was made anew.
ALTER TABLE events
    -- raised by each change of what tickets show
    ADD COLUMN page_seq       BIGINT NOT NULL DEFAULT 0,
    -- the change being worked off, guests up to this id are done; the last change done for all
    ADD COLUMN renewing_seq   BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN renewing_after BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN renewed_seq    BIGINT NOT NULL DEFAULT 0;
-- events.page_seq of the last change that the tickets of this type show
ALTER TABLE ticket_types ADD COLUMN page_seq BIGINT NOT NULL DEFAULT 0;
-- ticket_types.page_seq that the document was made from
ALTER TABLE tickets ADD COLUMN page_seq BIGINT NOT NULL DEFAULT 0;

CREATE INDEX idx_events_renewing ON events (id) WHERE renewed_seq < page_seq;

-- What a ticket is to its readers: a page from before its type's last change is not made yet.
CREATE FUNCTION ticket_status(status TEXT, page_seq BIGINT, type_page_seq BIGINT) RETURNS TEXT
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN status = 'ready' AND page_seq < type_page_seq THEN 'pending' ELSE status END $$;
