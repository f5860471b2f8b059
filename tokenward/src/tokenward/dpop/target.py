"""The method and the URL that a proof must be made for, normalised so that they can be compared (RFC 9449 §4.3)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from tokenward.errors import InvalidToken, Reason

_PORTS = {"http": "80", "https": "443"}
_SCHEMES = {"ws": "http", "wss": "https"}  # a WebSocket's handshake is a GET of the HTTP URL
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=-]+)(?::([0-9]{0,5}))?")
#: Printable ASCII, every % with two hexadecimal digits. Browsers leave a few characters as they are that a URI encodes.
_URI = re.compile(
    r"(https?)://([^/?#]*)((?:/(?:[!$&-;=@-\[\]^_a-~]|%[0-9A-Fa-f]{2})*)?)(?:[?#][!-~]*)?", re.IGNORECASE | re.ASCII
)
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})|[^A-Za-z0-9._~!$&'()*+,;=:@/-]")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PLAIN = re.compile(r"(?:/(?!\.)[A-Za-z0-9._~!$&'()*+,;=:@-]*)+")


@dataclass(frozen=True, slots=True)
class Target:
    """What was asked for. ``origin`` and ``path`` are normalised, query and fragment are left out.

    ``exact`` is false when the server told the path only with its escapes decoded; then it is compared decoded.
    """

    method: str
    origin: str
    path: str
    exact: bool = True

    def is_named_by(self, htu: str) -> bool:
        """Whether this URL is the target, by RFC 3986 §6.2.2 and §6.2.3."""
        try:
            origin, path = normal_url(htu)
        except ValueError:
            return False
        if origin != self.origin:
            return False
        return path == self.path or (not self.exact and unquote_to_bytes(path) == unquote_to_bytes(self.path))


def target_of(request: Mapping[str, Any], public_url: str | None = None, origin: str | None = None) -> Target:
    """The target of a request: an ASGI scope, or a WSGI environ.

    ``public_url`` is where the server's root is reached from outside, a prefix that a proxy strips included.
    ``origin`` alone pins scheme and host. Without either they are the request's own. Raises InvalidToken.
    """
    method, scheme, host, path, root, exact = _wsgi(request) if "REQUEST_METHOD" in request else _asgi(request)
    if public_url is not None:
        origin, prefix = normal_url(public_url)
        below = path[len(root) :] if root and (path == root or path.startswith(f"{root}/")) else path
        path = prefix.rstrip("/") + (below or "/")
    elif origin is None:
        try:
            origin = _origin(_SCHEMES.get(scheme, scheme), host)
        except ValueError:
            raise InvalidToken(Reason.PROOF_URL, "the request names no host that a proof could be made for") from None
    return Target(method, origin, normal_path(path), exact)


def normal_url(url: str) -> tuple[str, str]:
    """Origin and path of an http or https URL, normalised. Raises ValueError for anything else."""
    match = _URI.fullmatch(url)
    if match is None:
        raise ValueError("not an http or https URL")
    return _origin(match[1].lower(), match[2]), normal_path(match[3])


def _origin(scheme: str, authority: str) -> str:
    match = _AUTHORITY.fullmatch(authority)
    if match is None or scheme not in _PORTS:
        raise ValueError("not the host of an http or https URL")
    host, port = match[1].lower(), str(int(match[2])) if match[2] else ""
    return f"{scheme}://{host}" if port in ("", _PORTS[scheme]) else f"{scheme}://{host}:{port}"


def normal_path(path: str) -> str:
    """RFC 3986 §6.2.2: escapes in capitals and only where they are needed, no dot segments; §6.2.3: never empty.

    ``path`` holds bytes as latin-1.
    """
    if _PLAIN.fullmatch(path):
        return path
    text = _ESCAPED.sub(_escape, path.encode("latin-1", "replace")).decode("ascii")
    segments: list[str] = []
    for segment in (parts := text.split("/")[1:]):
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    if parts and parts[-1] in (".", ".."):
        segments.append("")
    return "/" + "/".join(segments)


def _escape(match: re.Match[bytes]) -> bytes:
    byte = int(match[1], 16) if match[1] else match[0][0]
    return bytes((byte,)) if byte in _UNRESERVED else b"%%%02X" % byte


def _asgi(scope: Mapping[str, Any]) -> tuple[str, str, str, str, str, bool]:
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    raw, root = scope.get("raw_path"), scope.get("app_root_path", scope.get("root_path", ""))
    path = (
        raw.partition(b"?")[0].decode("latin-1") if raw else _quoted(scope["path"].encode("utf-8", "surrogateescape"))
    )
    host = hosts[0] if len(hosts) == 1 else ""
    method = scope.get("method", "GET")  # a WebSocket's handshake
    return method, scope.get("scheme", "http"), host, path, root.rstrip("/"), bool(raw)


def _wsgi(environ: Mapping[str, Any]) -> tuple[str, str, str, str, str, bool]:
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    root = _quoted(environ.get("SCRIPT_NAME", "").encode("latin-1", "replace")).rstrip("/")
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")  # gunicorn and Werkzeug; uWSGI and mod_wsgi
    path = re.sub(r"\A[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", "", raw).partition("?")[0] if raw else None
    if not path:
        path = root + _quoted(environ.get("PATH_INFO", "").encode("latin-1", "replace"))
    return environ["REQUEST_METHOD"], environ["wsgi.url_scheme"], host, path, root, bool(raw)


def _quoted(path: bytes) -> str:
    """A decoded path with its percent signs escaped again; ``normal_path`` escapes the rest."""
    return path.replace(b"%", b"%25").decode("latin-1")
