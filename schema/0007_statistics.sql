-- Statistics: what the deltas add up to, by quarter of an hour.
--
-- A number is the sum over event_statistics and statistics_deltas, read by one statement, so in one
-- snapshot: a delta stands in one of the two, whenever it is folded and however often that is tried.

CREATE TABLE event_statistics (
    event_id       BIGINT NOT NULL,
    ticket_type_id BIGINT,
    quarter        TIMESTAMPTZ NOT NULL,
    kind           TEXT NOT NULL,
    n              BIGINT NOT NULL,
    amount         DECIMAL(14,2) NOT NULL,
    CONSTRAINT uq_event_statistics UNIQUE NULLS NOT DISTINCT (event_id, kind, quarter, ticket_type_id)
) WITH (fillfactor = 80);

-- One row: the newest quarter that was folded; before the first of them, that of this step.
CREATE TABLE statistics_fold (
    only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    until    TIMESTAMPTZ NOT NULL DEFAULT quarter_of(now())
);
INSERT INTO statistics_fold DEFAULT VALUES;

-- Rows here live for a minute: what is dead goes soon, or the readers pass over all of it.
ALTER TABLE statistics_deltas SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- Fold up to p_max deltas. `folded`: how many it were; fewer than p_max: nothing is left, or another
-- run is folding (then 0). What counts is which rows the DELETE took, never their time: rows that
-- commit late are simply taken by a later run.
CREATE FUNCTION fold_statistics(p_max INTEGER, OUT folded BIGINT, OUT until TIMESTAMPTZ)
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_newest TIMESTAMPTZ;
BEGIN
    folded := 0;
    IF pg_try_advisory_xact_lock(hashtextextended('fold_statistics', 0)) THEN
        WITH taken AS (
            DELETE FROM statistics_deltas
            WHERE id IN (SELECT d.id FROM statistics_deltas d ORDER BY d.id LIMIT p_max)
            RETURNING event_id, ticket_type_id, quarter, kind, n, amount
        ), summed AS (
            SELECT t.event_id, t.ticket_type_id, t.quarter, t.kind, sum(t.n) AS n, sum(t.amount) AS amount
            FROM taken t GROUP BY 1, 2, 3, 4
        ), added AS (
            INSERT INTO event_statistics AS s (event_id, ticket_type_id, quarter, kind, n, amount)
            SELECT summed.event_id, summed.ticket_type_id, summed.quarter, summed.kind, summed.n, summed.amount
            FROM summed
            ON CONFLICT ON CONSTRAINT uq_event_statistics
                DO UPDATE SET n = s.n + excluded.n, amount = s.amount + excluded.amount
        )
        SELECT count(*), max(t.quarter) INTO folded, v_newest FROM taken t;
        UPDATE statistics_fold f SET until = v_newest WHERE f.until < v_newest;
    END IF;
    SELECT f.until INTO until FROM statistics_fold f;
END $$;

-- The hours or days of a zone that share a moment with [p_from, p_to), whole, in order: an hour is one
-- of the zone's clock, a day lasts 23 to 25 of them where the clock is changed. All of them begin and
-- end with a quarter.
CREATE FUNCTION statistics_hours(p_from TIMESTAMPTZ, p_to TIMESTAMPTZ, p_zone TEXT)
    RETURNS TABLE (begins TIMESTAMPTZ, ends TIMESTAMPTZ)
    LANGUAGE sql STABLE AS $$
    SELECT min(q.at), max(q.at) + interval '15 minutes'
    FROM (SELECT at, at AT TIME ZONE p_zone AS clock
          FROM generate_series(date_trunc('hour', p_from, p_zone) - interval '1 hour',
                               p_to - interval '1 microsecond' + interval '1 hour', interval '15 minutes') AS at) q
    -- the offset tells the hour that is there twice
    GROUP BY date_trunc('hour', q.clock), q.clock - (q.at AT TIME ZONE 'UTC')
    HAVING max(q.at) + interval '15 minutes' > p_from AND min(q.at) < p_to
    ORDER BY 1
$$;

CREATE FUNCTION statistics_days(p_from TIMESTAMPTZ, p_to TIMESTAMPTZ, p_zone TEXT)
    RETURNS TABLE (begins TIMESTAMPTZ, ends TIMESTAMPTZ)
    LANGUAGE sql STABLE AS $$
    WITH day AS (
        -- the first moment of a date is mostly its midnight, which may be there twice, or not at all;
        -- a date that a zone left out has none
        SELECT (SELECT min(moment) FROM generate_series(midnight - interval '3 hours', midnight,
                                                        interval '15 minutes') AS moment
                WHERE (moment AT TIME ZONE p_zone)::date = date) AS begins
        FROM (SELECT day::date AS date, day AT TIME ZONE p_zone AS midnight
              FROM generate_series((p_from AT TIME ZONE p_zone)::date::timestamp,
                                   (p_to AT TIME ZONE p_zone)::date + interval '2 days', interval '1 day') AS day) d
    ), span AS (
        SELECT day.begins, lead(day.begins) OVER (ORDER BY day.begins) AS ends
        FROM day WHERE day.begins IS NOT NULL
    )
    SELECT span.begins, span.ends FROM span
    WHERE span.ends > p_from AND span.begins < p_to
    ORDER BY 1
$$;
