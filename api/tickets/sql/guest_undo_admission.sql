-- $1 guest, $2 caller.
SELECT undo_admission($1::bigint, $2::bigint)
