"""One request for a key set: its headers, and what is read of the answer."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from tokenward.fetch import Fetched, FetchFailed, _retry_after, fetch
from world import world


@pytest.mark.parametrize(
    ("sent", "understood"),
    [("0", 0), ("7", 7), ("99999", 99_999), ("100000", 0), ("-1", 0), ("soon", 0), ("٣", 0), ("", 0), (None, 0)],
)
def test_retry_after_is_read_as_up_to_five_digits_of_seconds_and_else_as_0(sent: str | None, understood: float) -> None:
    headers = [] if sent is None else [(b"retry-after", sent.encode())]
    assert _retry_after(httpx.Response(429, headers=headers)) == understood


async def test_the_request_accepts_the_two_media_types_and_gzip() -> None:
    async with world() as w:
        asked = w.requests[0].headers
        assert asked["accept"] == "application/jwk-set+json, application/json"
        assert asked["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("public,max-age=70", 70),
        ("MAX-AGE \t=  70", 70),
        ("max-agess=70", None),
        ("max-age=ss70", None),
        ("max-age=\\70", None),
        ("xmax-age=70", None),
        ("s-max-age=70", None),
    ],
)
async def test_max_age_is_read_only_as_a_whole_directive_with_a_number(cache_control: str, seconds: int | None) -> None:
    answer = httpx.Response(200, headers={"cache-control": cache_control}, content=b"{}")
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as http:
        assert (await fetch(http, "https://keys.example/jwks")).max_age == seconds


async def test_a_redirect_is_a_failed_fetch_even_with_a_client_that_follows_redirects() -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"location": "https://elsewhere.example/jwks"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond), follow_redirects=True) as http:
        with pytest.raises(FetchFailed, match="status 302"):
            await fetch(http, "https://keys.example/jwks")
    assert asked == ["https://keys.example/jwks"]


class Sent(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self.body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.body


@pytest.mark.parametrize(
    ("encoding", "pack", "read"),
    [
        ("", bytes, True),
        ("identity", bytes, True),
        ("gzip", gzip.compress, True),
        (" \tGZip ", gzip.compress, True),
        ("gzip", zlib.compress, False),
        ("br", bytes, False),
        ("deflate", bytes, False),
        ("gzip, gzip", gzip.compress, False),
    ],
)
async def test_a_response_is_read_as_gzip_or_unencoded_and_any_other_encoding_fails(
    encoding: str, pack: Callable[[bytes], bytes], read: bool
) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": encoding}, stream=Sent(pack(b'{"keys": []}')))

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        if read:
            assert (await fetch(http, "https://keys.example/jwks")).body == b'{"keys": []}'
        else:
            with pytest.raises(FetchFailed):
                await fetch(http, "https://keys.example/jwks")


async def test_a_conditional_request_reads_a_200_and_fails_on_a_500() -> None:
    answers = iter([httpx.Response(200, content=b"{}", headers={"etag": '"b"'}), httpx.Response(500)])
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: next(answers))) as http:
        assert await fetch(http, "https://keys.example/jwks", '"a"') == Fetched(b"{}", '"b"', None)
        with pytest.raises(FetchFailed, match="status 500"):
            await fetch(http, "https://keys.example/jwks", '"b"')
