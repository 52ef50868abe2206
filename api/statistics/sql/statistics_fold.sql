SELECT folded, until FROM fold_statistics($1::integer)
