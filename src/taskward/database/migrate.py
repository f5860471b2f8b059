"""Migrations, run from a checkout or from an installed wheel.

Alembic is imported on use: it takes 8 MB of memory, which a serving process does not need.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config

#: Not alembic_version: another program in the same database may use Alembic too.
VERSION_TABLE = "taskward_version"

_PACKAGED = Path(__file__).parents[1] / "migrations"
_CHECKOUT = Path(__file__).parents[3] / "migrations"


class Unfit(Exception):
    """The database cannot be used for tasks. The text says why and what to do."""


def config(database_url: str) -> "Config":
    """Alembic's configuration for a database. The DSN is an attribute, so that it is in no file and no log."""
    from alembic.config import Config

    found = Config()
    found.set_main_option("script_location", str(_PACKAGED if _PACKAGED.is_dir() else _CHECKOUT))
    found.attributes["database_url"] = database_url
    return found


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring a database to ``revision``. Concurrent runs are safe: one migrates, the others wait for it.

    Raises OSError or asyncpg's errors when the database cannot be reached or used.
    """
    from alembic import command

    logging.getLogger("alembic").setLevel(logging.WARNING)
    command.upgrade(config(database_url), revision)


def downgrade(database_url: str, revision: str) -> None:
    """Take a database back to ``revision``; ``base`` removes everything."""
    from alembic import command

    command.downgrade(config(database_url), revision)
