-- Steps as a later version may bring them: each adds to one of the busiest tables, and takes nothing
-- away. Programs of this version work beside them (tests/support/rolling.c).
ALTER TABLE events ADD COLUMN next_words TEXT NOT NULL DEFAULT 'none';
