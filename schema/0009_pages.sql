-- A change that tickets show (title, date, place, name or price of a type …) only raises a number;
-- the pages follow in the background, a slice of guests at a time. A page is older than its ticket
-- type's last change until it was made anew, and so is no document until then.

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
