"""Checks of the URLs of key sets and feeds: https, unless the host is this machine."""

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


def check_key_set_url(url: str, *, allow_http: bool = False) -> None:
    """Raises ValueError for a URL that keys must not come from. The text does not repeat the URL.

    The URL is parsed by the HTTP client that will fetch it, so that both agree about the host.
    """
    parts = _read(url, "http://localhost:3000/api/auth/jwks")
    if parts.userinfo:
        raise ValueError("holds a user name or password; a key set is public and needs none")
    if parts.scheme == "http" and not is_loopback(parts.host) and not allow_http:
        raise ValueError("is plain http to another machine, so an attacker in between could replace the keys")


def check_feed_url(url: str, *, allow_http: bool = False) -> None:
    """The same check for a feed of revocations. Its URL may hold a secret as password."""
    parts = _read(url, "https://app.example/api/auth/revocations")
    if parts.scheme == "http" and not is_loopback(parts.host) and not allow_http:
        raise ValueError("is plain http to another machine, so an attacker in between could hold revocations back")


def origin_and_path(url: str) -> tuple[str, str]:
    """The origin as JavaScript's ``new URL(url).origin`` writes it, and the path without a slash at its end.

    Raises ValueError for what is no http or https URL.
    """
    parts = _read(url, "https://app.example")
    host = parts.raw_host.decode("ascii")
    if ":" in host:
        host = f"[{ipaddress.IPv6Address(host)}]"
    port = "" if parts.port is None else f":{parts.port}"  # None for the port of the scheme
    return f"{parts.scheme}://{host}{port}", parts.raw_path.decode("ascii").partition("?")[0].rstrip("/")


def _read(url: str, example: str) -> "httpx.URL":
    import httpx  # here, because it takes a third of a second to import

    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, TypeError):
        parts = httpx.URL("")
    if parts.scheme not in ("http", "https") or not parts.host or (parts.port or 0) > 65_535:
        raise ValueError(f"must be an http or https URL, for example {example}")
    return parts


def is_loopback(host: str) -> bool:
    """Whether this host is the machine itself (RFC 6761 §6.3 for the names)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
