-- What a rush pays for and nobody reads, or not at once.

-- The pending list of the guests' search is sorted in by a duty of the API, twice a second, and no longer by the
-- registration that fills it: that one took 40 ms, one in some seven thousand, and whoever came meanwhile waited too.
-- In kB; where no API runs, whoever fills this much still does it.
ALTER INDEX idx_guest_search_words SET (gin_pending_list_limit = 16384);

-- The state of all guests of all events: no statement asks for that, and each change of a state wrote it.
-- idx_guests_event_status_date serves those that ask within an event.
DROP INDEX idx_guests_status;
-- Nor for an event's scans by their time.
DROP INDEX idx_ticket_scans_event;
