-- What the audits found: a row a check and run, the newest kept. Written by `corectl audit`, shown by
-- core-api among its metrics.
CREATE TABLE audit_runs (
    name    TEXT PRIMARY KEY,
    drift   INTEGER NOT NULL CHECK (drift >= 0), -- rows that contradict others
    ran_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);
