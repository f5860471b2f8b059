"""Translation of driver errors: into DatabaseUnavailable, or into bugs without the values of a row."""

import asyncpg
from sqlalchemy.exc import DBAPIError

from taskward.database.causes import cause, is_of_a_node, is_servers
from taskward.problems import DatabaseUnavailable

#: Classes and codes of SQLSTATE about the state of the server, not about the statement (PostgreSQL, appendix A):
#: connection, authorization, catalogue name, rollback, resources, object state, intervention, system, read-only;
#: and about the DSN: missing tables or privileges, and parameters that the server does not know.
_NOT_NOW = ("08", "28", "3D", "3F", "40", "53", "55", "57", "58", "25006", "42P01", "42501", "42704")

BECAME_REPLICA = "25006"
#: Serialisation failure or deadlock with another statement: this one changed nothing and can be repeated.
TO_BE_REPEATED = ("40001", "40P01")


def translated(error: BaseException) -> BaseException:
    """DatabaseUnavailable if the database cannot be used now; else the error itself, without values of a row."""
    found = driver_error(error)
    if isinstance(found, asyncpg.PostgresError):
        if sqlstate(found).startswith(_NOT_NOW) or is_of_a_node(found):
            return DatabaseUnavailable(cause(found))
        _forget_values(found)
    elif isinstance(found, OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return DatabaseUnavailable(cause(found))
    return error


def driver_error(error: BaseException) -> BaseException:
    """The error of asyncpg inside an error of SQLAlchemy, which wraps errors of connecting."""
    while isinstance(error, DBAPIError) or type(error).__module__.startswith("sqlalchemy."):
        inner = getattr(error, "orig", None) or error.__cause__
        if inner is None:
            break
        error = inner
    return error


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE, five characters, or an empty string."""
    return str(getattr(error, "sqlstate", "") or "")


def _forget_values(error: BaseException) -> None:
    """Remove values of rows and arguments from an error whose traceback is logged."""
    error.detail = None  # type: ignore[attr-defined]  # "Failing row contains (…)"; asyncpg has no types
    if not (
        isinstance(error, asyncpg.PostgresError) and is_servers(error)
    ):  # raised by asyncpg about an argument that it could not encode
        error.args = ("an argument does not fit its column",)
        error.__cause__ = error.__context__ = None
