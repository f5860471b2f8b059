"""Migrations, run in code: the same whether started from a checkout or from an installed wheel.

Alembic is imported when it is used: a serving process, which never does, would carry 8 MB of it.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config

_PACKAGED = Path(__file__).parents[1] / "migrations"
_CHECKOUT = Path(__file__).parents[3] / "migrations"


def config(database_url: str) -> "Config":
    """Alembic's configuration for a database; the URL travels as an attribute, so that no file or log holds it."""
    from alembic.config import Config

    found = Config()
    found.set_main_option("script_location", str(_PACKAGED if _PACKAGED.is_dir() else _CHECKOUT))
    found.attributes["database_url"] = database_url
    return found


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring a database to ``revision``. Safe to run from several places at once: one works, the others wait for it.

    Raises OSError or asyncpg's errors when the database cannot be reached or used.
    """
    from alembic import command

    logging.getLogger("alembic").setLevel(logging.WARNING)
    command.upgrade(config(database_url), revision)


def downgrade(database_url: str, revision: str) -> None:
    """Take a database back to ``revision``; ``base`` removes everything."""
    from alembic import command

    command.downgrade(config(database_url), revision)


def cause(error: BaseException) -> str:
    """Why a migration failed: the driver's class and SQLSTATE, with what to do. Nothing of the DSN is in it."""
    driver = _driver_error(error)
    state = str(getattr(driver, "sqlstate", None) or "")
    name = f"{type(driver).__name__} {state}".rstrip()
    if state.startswith("28"):
        return (
            f"{name}: the server refuses the role or its password. A password in docker-compose is set once, on an "
            "empty volume: take the old one back, or change the role's"
        )
    if state == "3D000":
        return f"{name}: the server has no such database. Create it, or change DATABASE_URL"
    if state.startswith("42501"):
        return f"{name}: the role may not create tables. Make it the owner of the database"
    if isinstance(driver, OSError):
        return f"{name}: the server does not answer. Is it up, and is DATABASE_URL right?"
    return f"{name}. Is the database up, and may this role create tables?"


def _driver_error(error: BaseException) -> BaseException:
    """The innermost error that has an SQLSTATE, else the innermost of all: SQLAlchemy wraps what the driver raised."""
    found, seen = error, set[int]()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if getattr(current, "sqlstate", None) or not getattr(found, "sqlstate", None):
            found = current
        current = getattr(current, "orig", None) or current.__cause__
    return found
