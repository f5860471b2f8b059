"""Access to PostgreSQL: the engine, statements that name their owner, and migrations."""
