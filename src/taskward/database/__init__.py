"""How rows are reached: the engine, statements that name their owner, and migrations."""
