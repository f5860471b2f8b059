"""The database's address as people write it, made into one that asyncpg reads the same way."""

import re
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

_FORM = (
    "must be postgresql://user:password@host:port/name, where a password with @ : / ? # or % in it has them "
    "percent-encoded (@ is %40)"
)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:\d{1,5})?")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

#: What other drivers' URLs carry and asyncpg would send to the server, which knows no such setting.
_FOREIGN_PARAMETERS = frozenset(
    {
        *("channel_binding", "connect_timeout", "gssencmode", "sslsni", "tcp_user_timeout"),  # libpq
        *("keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval"),
        *(
            "connection_limit",
            "pgbouncer",
            "pool_timeout",
            "schema",
            "socket_timeout",
            "statement_cache_size",
        ),  # Prisma
        "prepared_statement_cache_size",  # SQLAlchemy
    }
)


def plain_dsn(url: str) -> str:
    """The same address for asyncpg. Raises ValueError, whose text has nothing of the URL in it."""
    scheme, separator, rest = url.partition("://")
    try:
        authority, parts = _split(rest)
    except ValueError:  # whose text has the whole address in it, password and all
        raise ValueError(_FORM) from None
    credentials, at, hosts = authority.rpartition("@")
    known = separator and scheme in ("postgresql", "postgres", "postgresql+asyncpg")
    # A password with / ? or # in it ends the address early and leaves its @ behind.
    whole = "@" not in parts.path + parts.query and not parts.fragment
    if not (known and whole and (not hosts or all(_HOST.fullmatch(host) for host in hosts.split(",")))):
        raise ValueError(_FORM)
    query = {name: value for name, value in parse_qsl(parts.query) if name not in _FOREIGN_PARAMETERS}
    if "ssl" in query:  # as SQLAlchemy's URLs call it; dropped, it would silently allow plain text
        query.setdefault("sslmode", query.pop("ssl"))
    if query.get("sslmode", "prefer") not in _SSL_MODES:
        raise ValueError(f"has an sslmode that is none of {', '.join(_SSL_MODES)}")
    user, colon, password = credentials.partition(":")
    # asyncpg splits at the first @, people mean the last.
    netloc = f"{_quoted(user)}{colon}{_quoted(password)}{at}{hosts}"
    return urlunsplit(parts._replace(netloc=netloc, query=urlencode(query)))


def one_dsn_for_each_host(dsn: str) -> list[str]:
    """The same address with each of its hosts alone.

    Of several, only one that takes writes will do, unless the address says otherwise.
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
    """What follows ``://``: users and hosts, and all after them. Raises ValueError.

    urlsplit alone will not do: a list of hosts is none of its business, and since CVE-2025-0938 was mended it refuses
    one with an IPv6 address that is not the first.
    """
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    credentials, at, hosts = authority.rpartition("@")
    for host in hosts.split(","):
        urlsplit(f"postgresql://{credentials}{at}{host}")  # as the driver will
    return authority, urlsplit(f"postgresql://{rest[len(authority) :]}")


def _quoted(part: str) -> str:
    return quote(unquote(part), safe="")
