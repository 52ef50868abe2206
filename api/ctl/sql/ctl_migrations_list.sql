SELECT version, checksum, applied_at FROM schema_migrations ORDER BY version
