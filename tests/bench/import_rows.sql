-- The rows that the import :'like' made, with other ids and addresses, as files for import_copy.sql.
\set ON_ERROR_STOP on
CREATE TEMP TABLE made AS
    SELECT g.*, t.ticket_code, nextval('guests_id_seq') AS new_id, nextval('tickets_id_seq') AS new_ticket_id
    FROM guests g JOIN tickets t ON t.guest_id = g.id WHERE g.email LIKE :'like';
\copy (SELECT new_id, event_id, first_name, last_name, 'copied-' || email, phone, type, ticket_type_id, status, locale, external_id, registered_by, gen_random_uuid(), created_at, updated_at FROM made) TO build/bench-guests.copy
\copy (SELECT new_ticket_id, event_id, new_id, ticket_type_id, 'C' || ticket_code, 1, created_at, updated_at FROM made) TO build/bench-tickets.copy
\copy (SELECT gen_random_uuid(), 'generate-ticket-pdf', new_ticket_id FROM made) TO build/bench-outbox.copy
