"""A real PostgreSQL from a wheel, for `taskward dev`, `make run` and the tests."""

from taskward.embedded.binaries import PostgresUnavailable
from taskward.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "PostgresUnavailable"]
