-- Sort in what the index of the guests' search holds back: one process at a time, whose role owns it.
SELECT gin_clean_pending_list(c.oid::regclass)
FROM pg_class c
WHERE c.oid = 'idx_guest_search_words'::regclass AND pg_has_role(c.relowner, 'USAGE')
  AND pg_try_advisory_xact_lock(hashtextextended('guest_search_tidy', 0))
