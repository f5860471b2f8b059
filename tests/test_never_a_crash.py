"""Random headers, cursors, paths, queries and bodies: none is answered 500."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.conftest import Person, connection

TASKS = "/api/me/tasks"
ASCII = "".join(map(chr, range(0x21, 0x7F)))
AN_ID = "0190d9c8-0000-7000-8000-000000000000"

#: The characters that people, programs and attackers put where a number, a date, an id or a tag is read.
hostile = st.one_of(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60),
    st.sampled_from(
        [
            *("", " ", "*", '"', '""', "W/", 'W/""', '"*"', ",", ",,,", "null", "NaN", "-0", "+1", "1e999", "0x10"),
            *(
                "٣",
                "²",
                "1_000",
                "9" * 400,
                "-" * 400,
                "\\",
                "%",
                "%%",
                "%zz",
                "%00",
                "%ff",
                "%c0%80",
                "%ed%a0%80",
                "+",
            ),
            *('"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59.999999-23:59"', '"2026-02-30T00:00:00Z"'),
            *('"2026-11-27T24:00:00Z"', '"2026-11-27T00:00:60Z"', '"2026-11-27T00:00:00.1234567890123456789Z"'),
            *('"2026-11-27T00:00:00+99:99"', "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "10000-01-01"),
            *("2026-W01-1", "20261127T000000Z", "2026-11-27", "2026-11-27T00:00:00z", "2026-11-27t00:00:00+00:00"),
            *("AAAA", "A" * 29 + "=", "=" * 28, "-_-_" * 7, "é" * 28, "A" * 10_000),
            *(AN_ID, AN_ID.upper(), "{" + AN_ID + "}", "urn:uuid:" + AN_ID, AN_ID.replace("-", ""), AN_ID + "\u00a0"),
            *("q=", "q=0", ";q=1", "*/*;q", "application/json;q=x", "a/b;" * 100, "text/html, ;,", "/", "//", ";"),
            *("bytes=0-", "gzip, ;q", "chunked", "100-continue", "max-age=-1", "Bearer", "Basic Og==", "bearer a b c"),
            *(
                "[",
                "[::1",
                "a:b:c",
                "1.2.3.4:99999",
                "::ffff:1.2.3.4",
                "unknown",
                "_x",
                "for=;",
                "https,,",
                "javascript:",
            ),
            *(
                "00-0-0-0",
                "00-" + "f" * 32 + "-" + "f" * 16 + "-ff",
                "a=b;" * 200,
                "application/json; charset",
                "a" * 5000,
            ),
        ]
    ),
)
READ_BY_THE_SERVICE = [
    *("accept", "authorization", "content-type", "if-match", "if-none-match", "if-modified-since", "if-range"),
    *("idempotency-key", "x-request-id", "x-origin", "x-forwarded-for", "x-forwarded-proto", "forwarded", "host"),
    *("origin", "access-control-request-method", "access-control-request-headers", "dpop", "expect", "range"),
    *("traceparent", "tracestate", "baggage", "cookie", "accept-encoding", "last-event-id", "content-encoding", "te"),
]
headers = st.lists(st.tuples(st.sampled_from(READ_BY_THE_SERVICE), hostile), max_size=4)
queries = st.lists(
    st.tuples(st.sampled_from(["q", "limit", "cursor", "completed", "until", "origin", "x", ""]), hostile), max_size=4
)
paths = st.one_of(
    st.sampled_from([TASKS, f"{TASKS}/{AN_ID}", f"{TASKS}/{AN_ID}/complete", f"{TASKS}/counts", "/healthz", "/docs"]),
    hostile.map(lambda text: f"/api/{text}/tasks"),
    hostile.map(lambda text: f"{TASKS}/{text}"),
    hostile.map(lambda text: f"{TASKS}/{text}/complete"),
    hostile.map(lambda text: f"/{text}"),
    hostile.map(lambda text: f"/docs/{text}"),
    hostile.map(lambda text: f"/.well-known/{text}"),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["\ud800", "\udfff\ud800", "\x00", "\u200b", "\u202e", "e\u0301", "👍🏽" * 50, "x" * 300]),
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
members = st.sampled_from(["title", "description", "completed", "user_id", "id", "", "\ud800"])
bodies = st.one_of(
    st.just(b""),
    st.binary(max_size=60),
    st.dictionaries(members, json_values, max_size=4).map(lambda value: json.dumps(value).encode()),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [
            *(
                b"{",
                b"[" * 5000,
                b'{"title":' * 3000,
                b'{"title":"\xff"}',
                b"\xef\xbb\xbf{}",
                b'{"title":"a","title":1}',
            ),
            *(
                b'{"title":"\\ud800"}',
                b'{"completed":1e9999}',
                b'{"title":' + b"9" * 5000 + b"}",
                b"nul",
                b"NaN",
                b"\x00",
            ),
            *('{"title":"a"}'.encode(encoding) for encoding in ("utf-16", "utf-32", "utf-16-be")),
        ]
    ),
)
media_types = st.one_of(st.sampled_from(["application/json", "application/merge-patch+json", ""]), hostile)


class Served:
    """The service, and a person of it, driven by synchronous tests."""

    def __init__(self, runner: asyncio.Runner, client: Person, app: Any) -> None:
        self.runner, self.client, self.app = runner, client, app

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        target = quote(path.encode("utf-8", "surrogatepass"), safe=ASCII)
        url = httpx.URL("http://taskward.test").copy_with(raw_path=target.encode())
        fields = [*self.client.headers.raw, *how.pop("headers", [])]
        return self.runner.run(self.client.send(httpx.Request(method, url, headers=fields, **how)))


@pytest.fixture
def service(settings: Any, issuer: Any) -> Iterator[Served]:
    from asgi_lifespan import LifespanManager

    from taskward.app import create_app

    async def start() -> tuple[httpx.AsyncClient, LifespanManager]:
        http = httpx.AsyncClient(transport=issuer.transport())
        manager = LifespanManager(create_app(settings, http=http), startup_timeout=60, shutdown_timeout=60)
        await manager.__aenter__()
        return http, manager

    async def stop(http: httpx.AsyncClient, manager: LifespanManager, person: Person) -> None:
        await person.aclose()
        await manager.__aexit__(None, None, None)
        await http.aclose()

    with asyncio.Runner() as runner:
        http, manager = runner.run(start())
        person = Person("ada", issuer.token("ada"), **connection(manager.app))
        try:
            yield Served(runner, person, manager.app)
        finally:
            runner.run(stop(http, manager, person))


def bounded(examples: int) -> Any:
    return hypothesis_settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=False
    )


def encoded(fields: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1", "ignore")) for name, value in fields]


def assert_is_no_crash(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_no_header_makes_a_crash(service: Served) -> None:
    task = service.ask("POST", TASKS, json={"title": "there"}).json()["id"]

    @bounded(400)
    @given(headers, st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]), st.booleans())
    @example([("if-match", '"0001-01-01T00:00:00+23:59"')], "PUT", True)
    @example([("if-none-match", '"9999-12-31T23:59:59-23:59"')], "GET", True)
    def ask(fields: list[tuple[str, str]], method: str, one: bool) -> None:
        path = f"{TASKS}/{task}" if one else TASKS
        body = {} if method in ("GET", "HEAD", "DELETE", "OPTIONS") else {"json": {"title": "x"}}
        if method == "DELETE":
            path = f"{TASKS}/{AN_ID}"
        assert_is_no_crash(service.ask(method, path, headers=encoded(fields), **body))

    ask()


def test_no_path_and_no_query_makes_a_crash(service: Served) -> None:
    @bounded(400)
    @given(st.sampled_from(["GET", "PUT", "PATCH", "DELETE", "BREW"]), paths, queries, st.booleans())
    @example("DELETE", TASKS, [("completed", "true"), ("until", "0001-01-01T00:00:00+23:59")], False)
    @example("DELETE", TASKS, [("completed", "true"), ("until", "9999-12-31T23:59:59-23:59")], False)
    @example("GET", TASKS, [("cursor", "é" * 28)], False)
    @example("GET", TASKS, [("limit", "²")], False)
    def ask(method: str, path: str, query: list[tuple[str, str]], raw: bool) -> None:
        pairs = "&".join(f"{name}={value}" for name, value in query)
        text = pairs.replace("#", "%23") if raw else str(httpx.QueryParams(query))
        path = path.replace("?", "%3F").replace("#", "%23")
        if method == "GET" and path.endswith("/events"):
            return  # a stream, which has no end
        assert_is_no_crash(service.ask(method, f"{path}?{text}" if text else path))

    ask()


def test_no_body_makes_a_crash(service: Served) -> None:
    task = service.ask("POST", TASKS, json={"title": "there"}).json()["id"]
    where = {
        "POST": TASKS,
        "PUT": f"{TASKS}/{task}",
        "PATCH": f"{TASKS}/{task}",
        "COMPLETE": f"{TASKS}/{task}/complete",
    }

    @bounded(500)
    @given(st.sampled_from(list(where)), bodies, media_types)
    def ask(method: str, body: bytes, media_type: str) -> None:
        fields = encoded([("content-type", media_type)])
        method, path = ("PATCH", where[method]) if method == "COMPLETE" else (method, where[method])
        assert_is_no_crash(service.ask(method, path, content=body, headers=fields))

    ask()
    seen = service.ask("GET", f"{TASKS}/{task}")
    assert seen.status_code == 200, "it is still there, and can still be written down"
