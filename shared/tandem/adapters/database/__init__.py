"""MySQL (and MariaDB) in production, SQLite as the embedded default of the local stack; SQLAlchemy Core on both."""
