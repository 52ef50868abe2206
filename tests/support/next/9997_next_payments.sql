ALTER TABLE payments ADD COLUMN next_words TEXT;
