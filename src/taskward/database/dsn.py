"""The database's DSN: from the form that people write to one that asyncpg reads in the same way."""

import os
import re
import ssl
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import certifi

_FORM = (
    "must be postgresql://user:password@host:port/name, where a password with @ : / ? # [ ] or % in it has them "
    "percent-encoded (@ is %40)"
)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:\d{1,5})?")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

#: Parameters that asyncpg reads.
_CONNECTION = frozenset(
    {
        *("host", "port", "dbname", "database", "user", "password", "passfile", "service", "servicefile"),
        *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs", "krbsrvname", "gsslib"),
    }
)
#: Server settings that a session may begin with. An unknown one ends the connection, and poolers know few. Therefore
#: only these are sent, and `taskward check` names the others.
_SERVER = frozenset(
    {
        *("application_name", "options", "search_path", "role", "timezone", "datestyle", "client_encoding"),
        *("statement_timeout", "lock_timeout", "idle_session_timeout", "idle_in_transaction_session_timeout"),
        *("transaction_timeout", "work_mem", "temp_buffers", "jit", "synchronous_commit", "plan_cache_mode"),
        *("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"),
    }
)
_NAMED = {"[": "%5B", "]": "%5D", "/": "%2F", "?": "%3F", "#": "%23", "@": "%40"}


def plain_dsn(url: str) -> str:
    """The same DSN for asyncpg. Raises ValueError, whose text holds at most one character of the DSN."""
    scheme, separator, rest = url.partition("://")
    if character := _unencoded(rest):
        raise ValueError(f"{_FORM}. It has {character} there: write {_NAMED[character]}")
    try:
        authority, parts = _split(rest)
    except ValueError:  # its text holds the whole DSN with the password
        raise ValueError(_FORM) from None
    credentials, at, hosts = authority.rpartition("@")
    known = separator and scheme in ("postgresql", "postgres", "postgresql+asyncpg")
    # A / ? or # in the password ends the authority early; then the @ is in the path, query or fragment.
    whole = "@" not in parts.path + parts.query and not parts.fragment and not parts.path.startswith("//")
    if not (known and whole and (not hosts or all(_HOST.fullmatch(host) for host in hosts.split(",")))):
        raise ValueError(_FORM)
    given = dict(parse_qsl(parts.query))
    if "hostaddr" in given:
        raise ValueError("has a parameter hostaddr, which is not supported: write that IP as the host")
    query = {name: value for name, value in given.items() if name in _CONNECTION or name.lower() in _SERVER}
    # ssl is SQLAlchemy's name for sslmode. Ignoring it would allow plain text.
    if "ssl" in given and query.setdefault("sslmode", given["ssl"]) != given["ssl"]:
        raise ValueError("has ssl and sslmode, which differ: leave ssl out")
    if given.get("schema", "public") != "public":  # Prisma's name for search_path
        name = given["schema"].replace('"', '""')
        query.setdefault("search_path", f'"{name}"')
    if query.get("sslrootcert") == "system":  # as in libpq: the system's certificates, and verify-full by default
        query["sslrootcert"] = _system_certificates()
        query.setdefault("sslmode", "verify-full")
    if query.get("sslmode", "prefer") not in _SSL_MODES:
        raise ValueError(f"has an sslmode that is none of {', '.join(_SSL_MODES)}")
    user, colon, password = credentials.partition(":")
    # asyncpg splits at the first @; the last one is meant. Therefore user and password are encoded.
    netloc = f"{_quoted(user)}{colon}{_quoted(password)}{at}{hosts}"
    return urlunsplit(parts._replace(netloc=netloc, query=urlencode(query)))


def ignored_parameters(url: str) -> list[str]:
    """Names of the parameters that `plain_dsn` leaves out, because neither asyncpg nor PostgreSQL knows them."""
    names = dict(parse_qsl(url.partition("?")[2]))
    return sorted(n for n in names if n not in _CONNECTION | {"ssl", "schema"} and n.lower() not in _SERVER)


def one_dsn_for_each_host(dsn: str) -> list[str]:
    """One DSN for each host of this one.

    With several hosts, a usable one accepts writes (target_session_attrs=read-write) unless the DSN says otherwise.
    """
    authority, parts = _split(dsn.partition("://")[2])
    credentials, at, hosts = authority.rpartition("@")
    if "," not in hosts:
        return [dsn]
    query = {"target_session_attrs": "read-write", **dict(parse_qsl(parts.query))}
    return [
        urlunsplit(parts._replace(netloc=f"{credentials}{at}{host}", query=urlencode(query)))
        for host in hosts.split(",")
    ]


def _split(rest: str) -> tuple[str, SplitResult]:
    """The authority, and path, query and fragment, of what follows ``://``. Raises ValueError.

    urlsplit alone knows no list of hosts. Since the fix of CVE-2025-0938 it refuses a list in which an IPv6 address is
    not first.
    """
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    credentials, at, hosts = authority.rpartition("@")
    for host in hosts.split(","):
        urlsplit(f"postgresql://{credentials}{at}{host}")  # as asyncpg will
    return authority, urlsplit(f"postgresql://{rest[len(authority) :]}")


def _unencoded(rest: str) -> str | None:
    """The first character of user and password that must be percent-encoded and is not, or None."""
    credentials, at, _ = rest.rpartition("@")
    if not at or re.search(r"[?&][\w.]+=", credentials):  # the @ stands in a parameter
        return None
    return next((character for character in credentials if character in "[]/?#"), None)


def _system_certificates() -> str:
    paths = ssl.get_default_verify_paths()
    bundle = os.path.join(paths.capath or "", "ca-certificates.crt")
    return paths.cafile or (bundle if os.path.exists(bundle) else certifi.where())


def _quoted(part: str) -> str:
    return quote(unquote(part), safe="")
