-- What an import writes for the rows of import_rows.sql, by COPY: the same tables, indexes, constraints and numbers.
\set ON_ERROR_STOP on
BEGIN;
\copy guests (id, event_id, first_name, last_name, email, phone, type, ticket_type_id, status, locale, external_id, registered_by, attempt_id, created_at, updated_at) FROM build/bench-guests.copy
\copy tickets (id, event_id, guest_id, ticket_type_id, ticket_code, mailed_issue, created_at, updated_at) FROM build/bench-tickets.copy
\copy outbox (id, job_type, subject_id) FROM build/bench-outbox.copy
UPDATE events SET current_attendees = current_attendees + :n WHERE id = :event;
UPDATE ticket_types SET sold = sold + :n WHERE id = :type;
INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n)
SELECT :event, :type, quarter_of(now()), kind, :n FROM unnest(ARRAY['guests', 'confirmed', 'registrations']) AS kind;
COMMIT;
