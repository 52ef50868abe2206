ALTER TABLE outbox ADD COLUMN next_words TEXT;
