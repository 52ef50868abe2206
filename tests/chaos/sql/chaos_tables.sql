-- What the clients and the other services say, beside what the database says.
CREATE SCHEMA chaos;
CREATE TABLE chaos.ops (
    number   INTEGER,
    kind     TEXT,
    outcome  TEXT,
    tries    INTEGER,
    doubted  BOOLEAN,
    begun_us BIGINT,
    done_us  BIGINT,
    event_id BIGINT,
    guest_id BIGINT,
    amount   BIGINT,
    key      TEXT,
    email    TEXT,
    code     TEXT,
    value    TEXT,
    detail   TEXT
);
CREATE TABLE chaos.intents (
    id TEXT PRIMARY KEY, status TEXT, amount NUMERIC, refunded NUMERIC, guest_id BIGINT, key TEXT
);
CREATE TABLE chaos.mails (id TEXT PRIMARY KEY, key TEXT, template TEXT, recipient TEXT);
