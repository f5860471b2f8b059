"""One HTTP GET of a document of an issuer, bounded in time and size."""

import asyncio
import contextlib
import re
import ssl
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from tokenward.url import is_loopback

if TYPE_CHECKING:
    import httpx  # imported where the first request is made: it takes a third of a second

MAX_BYTES = 256 * 1024
TIMEOUT = 3.0
USER_AGENT = f"tokenward/{version('tokenward')}"

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


class FetchFailed(Exception):
    """The document could not be fetched. The text is for the log. ``retry_after`` is the issuer's, in seconds."""

    def __init__(self, why: str, retry_after: float = 0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Fetched:
    """A good response. ``body`` is None for 304; ``max_age`` is in seconds or None."""

    body: bytes | None
    etag: str | None
    max_age: int | None


class Fetcher:
    """Fetches documents with ``http``, which the caller closes, or with a new client for each fetch.

    A new client needs no event loop of its own, and fetches are minutes apart. It follows the environment's proxies and
    ``SSL_CERT_FILE``, but uses no proxy for a server on this machine. ``user_agent`` is the header field.
    Every fetch empties the cookie jar of ``http``: give it a client of its own.
    """

    def __init__(self, http: "httpx.AsyncClient | None" = None, *, user_agent: str | None = None) -> None:
        self.http = http
        self.user_agent = user_agent or USER_AGENT
        self._trust: ssl.SSLContext | None = None

    @contextlib.asynccontextmanager
    async def client(self, url: str) -> AsyncIterator["httpx.AsyncClient"]:
        if self.http is not None:
            yield self.http
            return
        import httpx

        if self._trust is None and url.startswith("https:"):
            try:
                self._trust = httpx.create_ssl_context()
            except (OSError, ssl.SSLError) as error:
                raise FetchFailed(f"the certificates of SSL_CERT_FILE cannot be read: {type(error).__name__}") from None
        try:
            # Plain http needs no certificates, and reading a CA file is slow.
            opened = httpx.AsyncClient(verify=self._trust or False, trust_env=not is_loopback(httpx.URL(url).host))
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            # No text of the error: a proxy's URL may hold a password.
            raise FetchFailed(f"a proxy variable of the environment cannot be used: {type(error).__name__}") from None
        async with opened:
            yield opened

    async def fetch(self, url: str, etag: str | None = None, *, no_cache: bool = False) -> Fetched:
        """GET ``url``, see ``fetch``; ``no_cache`` has caches on the way ask the issuer (RFC 9111 §5.2.1.4)."""
        async with self.client(url) as http:
            headers = {"Cache-Control": "no-cache"} if no_cache else {}
            if http.headers.get("user-agent", "python-httpx/").startswith("python-httpx/"):
                headers["User-Agent"] = self.user_agent
            return await fetch(http, url, etag, headers)


async def fetch(
    http: "httpx.AsyncClient",
    url: str,
    etag: str | None = None,
    headers: dict[str, str] | None = None,
    *,
    seconds: float = TIMEOUT,
    max_bytes: int = MAX_BYTES,
) -> Fetched:
    """GET ``url``: no redirects, 200 or 304 only, at most ``max_bytes`` of decoded body, ``seconds`` for all of it.

    Raises FetchFailed.
    """
    import httpx

    headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "gzip", **(headers or {})}
    if etag:
        headers["If-None-Match"] = etag
    http.cookies.clear()  # cookies of the issuer are not sent back, and would grow the request
    try:
        async with asyncio.timeout(seconds):
            async with http.stream("GET", url, headers=headers, follow_redirects=False, timeout=seconds) as response:
                if response.status_code == 304 and etag:
                    return Fetched(None, etag, _max_age(response))
                if response.status_code != 200:
                    raise FetchFailed(f"status {response.status_code}", _retry_after(response))
                body = await _read(response, max_bytes)
                return Fetched(body, response.headers.get("etag"), _max_age(response))
    except TimeoutError:
        raise FetchFailed(f"no answer within {seconds:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise FetchFailed(_certificate(error) or type(error).__name__) from error
    except (OSError, ValueError, zlib.error) as error:
        raise FetchFailed(_certificate(error) or type(error).__name__) from error


def _certificate(error: BaseException | None) -> str | None:
    """The certificate error behind this failure, or an empty string."""
    for _ in range(10):
        if error is None:
            return None
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not trusted: {error.verify_message or error.reason} "
                "(SSL_CERT_FILE names a file with the CA to trust)"
            )
        error = error.__cause__ or error.__context__
    return None


async def _read(response: "httpx.Response", max_bytes: int) -> bytes:
    """The decoded body, of which at most ``max_bytes`` are held in memory.

    The raw bytes are counted too: otherwise a gzip stream that inflates to nothing, or has data after its end, could
    be endless.
    """

    def check(size: int) -> None:
        if size > max_bytes:
            raise FetchFailed(f"more than {max_bytes} bytes")

    if response.is_stream_consumed:  # a mock transport: the body is already decoded
        check(len(response.content))
        return response.content
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise FetchFailed("an encoding that was not asked for")
    inflate = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    received, body = 0, bytearray()
    async for chunk in response.aiter_raw():
        received += len(chunk)
        check(received)
        body += inflate.decompress(chunk, max_bytes + 1 - len(body)) if inflate else chunk
        check(len(body))
    return bytes(body)


def _max_age(response: "httpx.Response") -> int | None:
    match = _MAX_AGE.search(response.headers.get("cache-control", ""))
    return int(match.group(1)) if match else None


def _retry_after(response: "httpx.Response") -> float:
    value = response.headers.get("retry-after") or response.headers.get("x-retry-after", "")  # X-: Better Auth
    return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0
