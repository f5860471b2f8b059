"""Checks of single settings: each function takes a value and returns its meaning, or raises what to set instead."""

import ipaddress
import re
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from tokenward.throttle import FailureThrottle, Limit

#: Settings whose value may begin or end with a quote. Quotes at both ends are refused in every setting.
SECRETS = frozenset({"database_url", "jwt_secret", "rate_limit_storage_url"})

_QUOTES = "\"'`“”‘’„«»"
_SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://\S+:\d+", re.IGNORECASE)
_ORIGIN = re.compile(
    r"(?!http://.*:80$|https://.*:443$)(?P<scheme>[a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9]\d{0,4})?"
)
#: Pages of these schemes have an opaque origin, and browsers send ``null`` for them (RFC 6454 §4).
_OPAQUE = frozenset({"about", "blob", "data", "file", "javascript"})
_URI = re.compile(r"[!#-;=?-\[\]_a-z~]+")  # percent-encoded or not
_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def wrong(what: str) -> PydanticCustomError:
    return PydanticCustomError("setting", "{what}", {"what": what})


def shown(value: str) -> str:
    """The value for an error text, or a placeholder if it could be a secret pasted into the wrong variable."""
    return repr(value) if len(value) <= 60 and "@" not in value and ascii(value).isprintable() else "one of them"


def spelling(name: str, value: Any) -> Any:
    """A check of every value for what platforms add to it: quotes, and variables of Kubernetes Services."""
    if not isinstance(value, str) or not (text := value.strip()):
        return value
    ends = (text[0] in _QUOTES, text[-1] in _QUOTES)
    if all(ends) or (any(ends) and name not in SECRETS):
        raise wrong('has quotes around it, which "docker --env-file" and Kubernetes keep as part of it: remove them')
    if _SERVICE_LINK.fullmatch(text):
        raise wrong(
            "is the URL of a Kubernetes Service: Kubernetes sets a variable of this form for each Service. "
            "Set enableServiceLinks: false in the Pod, or give the Service another name"
        )
    return value


def split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value.strip().startswith("[") and value.strip().endswith("]"):
        raise wrong("is in brackets: write the values as they are, separated by commas")
    return tuple(part.strip() for part in value.split(",") if part.strip())


def lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def revocations(value: Any) -> Any:
    """``off`` or ``database`` in any case, or the URL of a feed, which may hold a secret."""
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    return word if word in ("off", "database") else SecretStr(value.strip())


def origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for origin in value:
        if "*" in origin:
            raise wrong("takes exact origins: * would let every page send requests as a signed-in person")
        found = _ORIGIN.fullmatch(origin)
        if found is None or found["scheme"] in _OPAQUE:
            raise wrong(
                f"{shown(origin)} is not an origin as browsers send it, such as https://app.example, "
                "http://localhost:3000 or capacitor://localhost: in small letters, with no path, no slash at the end "
                "and no usual port"
            )
    return value


def field_names(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if name == "*" or not _FIELD_NAME.fullmatch(name):
            raise wrong(f"{shown(name)} is not the name of a header field, such as X-Tenant; * is refused")
    return value


def limit(value: str) -> str:
    try:
        Limit.parse(value)
    except ValueError as error:
        raise wrong(str(error)) from None
    return value


def store(url: str) -> None:
    """Check the URL of a store of counts. It is not connected to."""
    scheme = url.partition("://")[0].lower()
    if not scheme.startswith(("redis", "valkey")):
        raise wrong("must be redis://host:6379, rediss:// or valkey://")
    try:
        FailureThrottle("1/minute", url)
    except ImportError:
        raise wrong("needs pip install 'taskward[redis]'") from None
    except Exception:  # clients of stores document no error, and the text may hold the URL
        raise wrong(
            "cannot be read: it must be redis://user:password@host:6379/0, "
            "where a password with @ : / ? # [ or % in it has them percent-encoded"
        ) from None


def networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for address in value:
        try:
            ipaddress.ip_network(address)
        except ValueError:
            raise wrong(f"{shown(address)} is neither an IP nor a network such as 10.0.0.0/8") from None
    return value


def public_url(value: str | None) -> str | None:
    """An absolute URL, returned without the slash at its end."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if (
        not fine
        or parts.username is not None
        or parts.query
        or parts.fragment
        or not _URI.fullmatch(unquote(value))
        or _STRAY.search(value)
    ):
        raise wrong(
            "must be the http or https URL at which clients reach the service, such as "
            "https://api.example.com/backend, without user, query or fragment"
        )
    return value.rstrip("/?#")


def collector(value: str | None) -> str | None:
    """The base URL of an OTLP receiver over HTTP. It needs the packages of the extra ``otel``."""
    if value is None:
        return None
    try:
        url = urlsplit(value)
        good = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        good = False
    if not good:
        raise wrong("must be the http(s) URL of an OTLP receiver, such as http://localhost:4318")
    try:
        found = find_spec("opentelemetry.exporter.otlp.proto.http")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise wrong("needs pip install 'taskward[otel]'")
    return value
