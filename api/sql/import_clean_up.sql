-- Bodies whose arrival was cut off with the process.
DELETE FROM imports WHERE status = 'receiving' AND created_at < now() - interval '6 hours'
