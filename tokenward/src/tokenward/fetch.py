"""One bounded, suspicious HTTP GET of a key set."""

import asyncio
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx  # imported where the first request is made: it takes a third of a second

MAX_BYTES = 256 * 1024
TIMEOUT = 3.0

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


class FetchFailed(Exception):
    """The key set could not be had; the text says why, for the log. ``retry_after`` is what the issuer asks for."""

    def __init__(self, why: str, retry_after: float = 0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer worth reading: ``body`` is None for 304, ``max_age`` in seconds or None."""

    body: bytes | None
    etag: str | None
    max_age: int | None


async def fetch(http: "httpx.AsyncClient", url: str, etag: str | None = None) -> Fetched:
    """GET ``url``: no redirects, 200 or 304 only, at most 256 KiB of decoded body, 3 seconds for all of it.

    Raises FetchFailed.
    """
    import httpx

    headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "gzip"}
    if etag:
        headers["If-None-Match"] = etag
    http.cookies.clear()  # what an issuer sets is not for us, and would pile up until no request fits any more
    try:
        async with asyncio.timeout(TIMEOUT):
            async with http.stream("GET", url, headers=headers, follow_redirects=False) as response:
                if response.status_code == 304 and etag:
                    return Fetched(None, etag, _max_age(response))
                if response.status_code != 200:
                    raise FetchFailed(f"status {response.status_code}", _retry_after(response))
                body = await _read(response)
                return Fetched(body, response.headers.get("etag"), _max_age(response))
    except TimeoutError:
        raise FetchFailed(f"no answer within {TIMEOUT:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise FetchFailed(type(error).__name__) from error
    except (OSError, ValueError, zlib.error) as error:
        raise FetchFailed(type(error).__name__) from error


async def _read(response: "httpx.Response") -> bytes:
    """The body, never holding more than MAX_BYTES of it.

    The raw bytes are counted as well: a stream that inflates to nothing, or goes on behind the end of its gzip data,
    would otherwise never be too long.
    """
    if response.is_stream_consumed:  # a transport that hands over a finished, decoded body, as mocks do
        _check_size(len(response.content))
        return response.content
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise FetchFailed("an encoding that was not asked for")
    inflate = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    received, body = 0, bytearray()
    async for chunk in response.aiter_raw():
        received += len(chunk)
        _check_size(received)
        body += inflate.decompress(chunk, MAX_BYTES + 1 - len(body)) if inflate else chunk
        _check_size(len(body))
    return bytes(body)


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise FetchFailed(f"more than {MAX_BYTES} bytes")


def _max_age(response: "httpx.Response") -> int | None:
    match = _MAX_AGE.search(response.headers.get("cache-control", ""))
    return int(match.group(1)) if match else None


def _retry_after(response: "httpx.Response") -> float:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0
