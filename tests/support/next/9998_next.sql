-- A step as a later version may bring: it adds to the tables that are busiest, and takes nothing
-- away. Programs of this version work beside it (tests/integration/test_rolling.c).
ALTER TABLE events ADD COLUMN next_words TEXT NOT NULL DEFAULT 'none';
ALTER TABLE ticket_types ADD COLUMN next_number BIGINT;
ALTER TABLE guests ADD COLUMN next_words TEXT NOT NULL DEFAULT 'none';
ALTER TABLE guests ADD COLUMN next_at TIMESTAMPTZ;
ALTER TABLE tickets ADD COLUMN next_number BIGINT NOT NULL DEFAULT 7;
ALTER TABLE outbox ADD COLUMN next_words TEXT;
ALTER TABLE notifications ADD COLUMN next_words TEXT;
CREATE TABLE next_things (
	id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	guest_id BIGINT NOT NULL REFERENCES guests
);
