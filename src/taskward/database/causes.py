"""Texts that say why a database could not be used, from the server or the system, without any secret."""

from collections.abc import Iterator

import asyncpg

#: Classes and codes of SQLSTATE whose text names users, databases, tables or settings, but never a value of a row:
#: connection, feature, authorization, catalogue, schema, rollback, resources, object state, intervention, system,
#: read-only, tables, privileges, settings.
_TELLING = (
    "08",
    "0A",
    "28",
    "3D",
    "3F",
    "40",
    "53",
    "55",
    "57",
    "58",
    "25006",
    "42P01",
    "42P07",
    "42501",
    "42704",
    "22023",
)

#: Texts of Citus, sent as XX000, about a node or a shard and not about the statement: a shard moves, a worker died.
_OF_A_NODE = (
    "could not find valid entry for shard",
    "could not commit transaction for shard",
    "failure on connection marked as essential",
    "failed to prepare transaction",
    "execution cannot recover from multiple connection failures",
    "unable to recover from inconsistent state in the connection state machine",
    "no active placements were found for shard",
    "there is a shard placement",
    "node group",
)

_ADVICE = {
    "28": "The server refuses the role or its password. docker-compose sets the password only on an empty volume: "
    "use the old password, or change it with ALTER ROLE",
    "3D": "Create the database, or change DATABASE_URL",
    "3F": "Create the schema of the search path, or change DATABASE_URL",
    "42501": "Make the role the owner of the database, so that it may create tables",
    "42P07": "Another program has a table of that name: give Taskward a database or a schema (?schema=…) of its own",
    "42704": "Take the parameter out of DATABASE_URL",
    "08P01": "A pooler refuses parameters it does not know: take them out of DATABASE_URL, or list them in PgBouncer's "
    "ignore_startup_parameters",
}

#: PgBouncer's text for BEGIN under pool_mode = statement. Its SQLSTATE is that of refused parameters.
_STATEMENT_MODE = "statement pooling mode"
_NO_STATEMENT_MODE = "Set pool_mode = transaction or session in PgBouncer: Taskward needs transactions"

#: Errors of TLS that asyncpg raises: a part of its text, what is wrong, and what to do.
_TLS = (
    (
        "rejected SSL upgrade",
        "the server offers no TLS, which sslmode asks for",
        "Turn on ssl in PostgreSQL. Only on a network you trust: leave sslmode out of DATABASE_URL",
    ),
    (
        "root certificate file",
        "there is no root certificate to check the server's certificate with",
        "Name it in DATABASE_URL: sslrootcert=/file.pem, or sslrootcert=system for the certificates of this machine",
    ),
)
_NO_FILE = "A file is missing: one that sslcert, sslkey, sslrootcert or sslcrl names, or the socket of the server"


def cause(error: BaseException) -> str:
    """Class, SQLSTATE and text of the underlying error; only the class if the text may hold a secret.

    For a connection that the server or a pooler ended with an error, that error.
    """
    for found in _told_first(error):
        if isinstance(found, asyncpg.PostgresError):
            return _told(found)
        if isinstance(found, TimeoutError):
            return "TimeoutError: no answer in time"
        if tls := _of_tls(found):
            return f"{type(found).__name__}: {tls[0]}"
        if isinstance(found, OSError):
            return _of_system(found)
        if isinstance(found, asyncpg.exceptions.ClientConfigurationError | LookupError | ValueError):
            return f"{type(found).__name__}: DATABASE_URL or a PG… variable cannot be read, or no user is known"
    return type(error).__name__


def advice(error: BaseException) -> str:
    """What a person can do about the error: one or two sentences."""
    found = next((found for found in _told_first(error) if isinstance(found, asyncpg.PostgresError | OSError)), error)
    if is_servers(found) and _STATEMENT_MODE in str(found):
        return _NO_STATEMENT_MODE
    if tls := next((tls for tls in map(_of_tls, _chain(error)) if tls), None):
        return tls[1]
    state = str(getattr(found, "sqlstate", "") or "")
    for beginning, text in _ADVICE.items():
        if state.startswith(beginning):
            return text
    if isinstance(found, OSError) and isinstance(found.filename, str):
        return "May this user read that file? HOME and the PG… variables say where PostgreSQL's files are"
    if isinstance(found, FileNotFoundError):
        return _NO_FILE
    if isinstance(found, LookupError | ValueError):
        return "Correct PGPORT, PGSSLMODE and the other PG… variables, and name the user in DATABASE_URL"
    return "Is PostgreSQL up, and is DATABASE_URL right?"


def is_servers(error: BaseException) -> bool:
    """Whether a server or a pooler sent the error. Errors that asyncpg raises itself have no severity."""
    return getattr(error, "severity", None) is not None


def _told_first(error: BaseException) -> list[BaseException]:
    """The errors of the chain, those of the server or a pooler before those that this side made of them."""
    return sorted(_chain(error), key=lambda found: not is_servers(found))


def is_of_a_node(error: asyncpg.PostgresError) -> bool:
    """Whether a node of a Citus cluster, or a shard on it, cannot be used now."""
    return error.sqlstate == "XX000" and str(error).lower().startswith(_OF_A_NODE)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, the error that SQLAlchemy wrapped in it, and their causes."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        found = waiting.pop(0)
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += [getattr(found, "orig", None), found.__cause__, found.__context__]


def _told(error: asyncpg.PostgresError) -> str:
    state = str(getattr(error, "sqlstate", "") or "")
    name = f"{type(error).__name__} {state}".strip()
    text = str(error).splitlines()[0][:300] if str(error) and is_servers(error) else ""
    return f"{name}: {text}" if text and (state.startswith(_TELLING) or is_of_a_node(error)) else name


def _of_tls(error: BaseException) -> tuple[str, str] | None:
    """What is wrong and what to do, for an error of this side about TLS."""
    if isinstance(error, ConnectionError | asyncpg.exceptions.ClientConfigurationError):
        return next(((seen, advised) for part, seen, advised in _TLS if part in str(error)), None)
    return None


def _of_system(error: OSError) -> str:
    what = error.strerror or type(error).__name__
    if "Multiple exceptions" in str(error):  # several IPs were tried; the text of each error names its IP
        what = "no IP of the host accepts connections"
    file = f": {error.filename}" if isinstance(error.filename, str) else ""
    return f"{type(error).__name__}: {what}{file}"
