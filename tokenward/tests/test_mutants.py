"""What mutation testing found nobody looking at: edges of limits, and what a refusal says in the log."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tokenward import AuthError, InvalidToken
from tokenward.asgi import BearerMiddleware
from tokenward.fetch import Fetched, FetchFailed, _retry_after, fetch
from tokenward.keyset import ALGORITHMS, KeySet, UnusableKey, UnusableKeySet, read_key
from tokenward.secret import check_secret
from tokenward.starlette import Bearer, BearerBackend, on_auth_error
from tokenward.strict import MAX_DEPTH, json_object
from tokenward.testing.keys import SigningKey, b64, spare_key
from tokenward.url import check_key_set_url
from world import ALL_ALGORITHMS, World, world


async def test_a_cached_token_is_good_from_its_first_moment_and_no_longer_at_its_last() -> None:
    async with world(leeway=30) as w:
        now = w.clock.wall()
        token = w.issuer.token("alice", iat=int(now), exp=int(now) + 600)
        identity = await w.ask(token)
        assert w.cache.get(token, identity.valid_from) is identity
        before = identity.valid_until - 0.001
        assert w.cache.get(token, before) is identity
        assert w.cache.get(token, identity.valid_until) is None


async def test_a_cached_token_is_refused_at_the_moment_in_which_it_expires() -> None:
    async with world(leeway=0) as w:
        now = int(w.clock.wall())
        token = w.issuer.token("alice", iat=now, exp=now + 600)
        assert await w.outcome(token) == "ok:alice"
        await w.clock.advance(now + 600 - w.clock.wall())
        assert w.clock.wall() == now + 600
        assert await w.outcome(token) == "expired"


@pytest.mark.parametrize("wide", [False, True])
def test_nesting_is_counted_level_by_level_and_not_by_brackets(wide: bool) -> None:
    def nested(depth: int) -> bytes:
        inner = b"[" * (depth - 2) + b"]" * (depth - 2)
        beside = b"[],{},[]" * 1 + b",[]" * 40 if wide else b""
        return b'{"a":[' + b",".join(part for part in (inner, beside) if part) + b"]}"

    assert json_object(nested(MAX_DEPTH))
    with pytest.raises(ValueError, match="nested too deeply"):
        json_object(nested(MAX_DEPTH + 1))


async def test_what_lies_in_the_sixteenth_level_is_no_level_of_its_own() -> None:
    async with world() as w:
        for depth, outcome in ((16, "ok:alice"), (17, "shape")):
            for bottom in (1, "text", None, [], {}):
                deep = depth - 1 - isinstance(bottom, list | dict)
                nested = json.loads("[" * deep + json.dumps(bottom) + "]" * deep)
                assert await w.outcome(w.issuer.token("alice", x=nested, beside=[[]] * 16)) == outcome, (depth, bottom)


@pytest.mark.parametrize(
    ("sent", "understood"),
    [("0", 0), ("7", 7), ("99999", 99_999), ("100000", 0), ("-1", 0), ("soon", 0), ("٣", 0), ("", 0), (None, 0)],
)
def test_retry_after_is_at_most_five_digits_of_seconds_and_otherwise_nothing(
    sent: str | None, understood: float
) -> None:
    headers = [] if sent is None else [(b"retry-after", sent.encode())]
    assert _retry_after(httpx.Response(429, headers=headers)) == understood


async def test_every_refusal_has_a_reason_and_a_detail_for_the_log() -> None:
    async with world(leeway=0) as w:
        now = int(w.clock.wall())
        good = w.issuer.token("alice")
        refused = {
            "expired": w.issuer.token("alice", iat=now - 900, exp=now - 75),
            "lifetime": w.issuer.token("alice", iat=now, exp=now + 10_000_000),
            "not_yet_valid": w.issuer.token("alice", iat=now + 40),
            "claims": w.issuer.token("alice", iat="yesterday"),
            "signature": w.issuer.token("alice", key=SigningKey.new(kid=w.issuer.signer.kid)),
            "algorithm": w.issuer.token("alice", header={"alg": "none"}),
            "issuer": w.issuer.token("alice", iss="https://elsewhere.example"),
            "audience": w.issuer.token("alice", aud="https://elsewhere.example"),
            "shape": good + "é",
        }
        for reason, token in refused.items():
            with pytest.raises(InvalidToken) as refusal:
                await w.ask(token)
            assert str(refusal.value.reason) == reason
            assert len(refusal.value.detail) > 8
        with pytest.raises(InvalidToken) as expired:
            await w.ask(refused["expired"])
        assert expired.value.detail == "expired 75 seconds ago"


async def test_an_event_tells_a_verified_token_from_a_remembered_one() -> None:
    async with world() as w:
        heard: list[bool] = []
        w.events.accepted = lambda *, cached: heard.append(cached)  # type: ignore[method-assign]  # to hear it as it is
        token = w.issuer.token("alice")
        await w.ask(token)
        await w.ask(token)
        assert [type(cached) for cached in heard] == [bool, bool]
        assert heard == [False, True]


async def test_both_odd_characters_of_base64url_are_read_in_every_segment() -> None:
    async with world() as w:
        odd = "?>" * 3 + "??>>"
        tokens = (w.issuer.token("alice", header={"x": odd}, x=odd, n=n) for n in range(1000))
        token = next(t for t in tokens if all("-" in part and "_" in part for part in t.split(".")))
        assert await w.outcome(token) == "ok:alice"


@pytest.mark.parametrize(("first", "second"), [("!", "."), (".", "!"), (" ", "."), ("~", "~"), ("", ".")])
async def test_nothing_but_a_dot_parts_the_segments_even_where_it_is_signed_along(first: str, second: str) -> None:
    async with world() as w:
        header, claims, _ = w.issuer.token("alice").split(".")
        signed = header + first + claims
        assert await w.outcome(signed + second + b64(w.issuer.signer.sign(signed.encode()))) == "shape"


@pytest.mark.parametrize("segment", [0, 1, 2])
async def test_a_token_with_an_empty_segment_is_malformed_whichever_it_is(segment: int) -> None:
    async with world() as w:
        parts = w.issuer.token("alice").split(".")
        parts[segment] = ""
        assert await w.outcome(".".join(parts)) == "shape"


async def whoami(request: Request) -> JSONResponse:
    body = (await request.body()).decode()
    return JSONResponse({"user": request.user.subject, "auth": request.auth.scopes, "body": body})


async def dependent(request: Request) -> JSONResponse:
    return JSONResponse({"user": (await request.app.state.caller(request)).subject})


def behind(way: str, w: World) -> ASGIApp:
    """An application with this world's authenticator in front of it, in each of the ways there are."""
    if way == "backend":
        inner = Starlette(routes=[Route("/", whoami, methods=["POST"])])
        private = AuthenticationMiddleware(inner.router, backend=BearerBackend(w.authenticator))
        return Starlette(routes=[Mount("/", private)], exception_handlers={AuthError: on_auth_error})
    if way == "middleware":
        return BearerMiddleware(Starlette(routes=[Route("/", whoami, methods=["POST"])]), w.authenticator)
    caller = Bearer(w.authenticator)
    app = Starlette(
        routes=[Route("/", dependent, methods=["POST"])], exception_handlers=dict(caller.exception_handlers)
    )
    app.state.caller = caller
    return app


WAYS = ["backend", "middleware", "dependency"]


def client_at(app: ASGIApp, address: str | None, token: str) -> httpx.AsyncClient:
    async def without_address(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "client": None}, receive, send)

    transport = httpx.ASGITransport(without_address if address is None else app, client=(address or "", 50_000))
    headers = {"authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=transport, base_url="http://app.test", headers=headers)


@pytest.mark.parametrize("way", WAYS)
async def test_refusals_are_counted_for_the_address_they_came_from_and_for_nobody_where_there_is_none(way: str) -> None:
    async with world(limit="2/minute") as w:
        app = behind(way, w)
        async with client_at(app, "192.0.2.1", "x") as one, client_at(app, "192.0.2.2", "x") as two:
            assert [(await one.post("/")).status_code for _ in range(3)] == [401, 401, 429]
            assert [(await two.post("/")).status_code for _ in range(3)] == [401, 401, 429]
        async with client_at(app, None, "x") as nowhere:
            assert [(await nowhere.post("/")).status_code for _ in range(4)] == [401] * 4
        assert [address for _, address, _ in w.events.refusals] == ["192.0.2.1"] * 3 + ["192.0.2.2"] * 3 + [None] * 4


@pytest.mark.parametrize("way", WAYS)
async def test_whoever_is_let_in_is_authenticated_and_what_they_sent_arrives(way: str) -> None:
    async with world() as w, client_at(behind(way, w), "192.0.2.1", w.issuer.token("alice")) as alice:
        told = (await alice.post("/", content="their own words")).json()
        assert told["user"] == "alice"
        if way != "dependency":
            assert told == {"user": "alice", "auth": ["authenticated"], "body": "their own words"}


@pytest.mark.parametrize("way", WAYS)
async def test_a_refusal_is_a_complete_problem_that_nobody_may_store(way: str) -> None:
    async with world() as w, client_at(behind(way, w), "192.0.2.1", "x") as nobody:
        answer = await nobody.post("/")
        assert answer.json() == {
            "type": "about:blank",
            "title": "Unauthorized",
            "status": 401,
            "code": "invalid_token",
            "detail": "The access token is malformed",
        }
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["www-authenticate"] == (
            'Bearer error="invalid_token", error_description="The access token is malformed"'
        )


@pytest.mark.parametrize("extensions", [{}, {"extensions": None}, {"extensions": {}}, {"extensions": {"other": {}}}])
async def test_a_websocket_of_a_server_that_cannot_answer_is_closed_and_told_why(extensions: dict[str, Any]) -> None:
    async with world() as w:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": "/", "headers": [(b"authorization", b"Bearer x")], **extensions}
        await behind("middleware", w)(scope, receive, send)
        assert sent == [{"type": "websocket.close", "code": 1008, "reason": "The access token is malformed"}]


async def test_what_no_longer_holds_is_not_kept_either() -> None:
    async with world(leeway=0) as w:
        for lasts in (10, 600):
            w.at_once(w.issuer.token("alice", exp=int(w.clock.wall()) + lasts))
        short, long = (w.issuer.token("alice", exp=int(w.clock.wall()) + lasts) for lasts in (10, 600))
        await w.clock.advance(10)
        assert w.cache.get(short, w.clock.wall()) is None
        assert len(w.cache) == 1
        w.issuer.rotate()
        w.issuer.remove(w.issuer.keys[0].kid)
        await w.clock.advance(301)
        assert w.cache.get(long, w.clock.wall()) is None
        assert len(w.cache) == 0


async def test_keys_are_fetched_before_anybody_asks_and_the_lifespan_ends_as_it_should() -> None:
    async with world(started=False) as w:
        app = behind("middleware", w)
        said: asyncio.Queue[Message] = asyncio.Queue()
        heard: list[str] = []

        async def send(message: Message) -> None:
            heard.append(message["type"])

        said.put_nowait({"type": "lifespan.startup"})
        living = asyncio.create_task(app({"type": "lifespan", "state": {}}, said.get, send))
        await w.clock.advance(0)
        assert (heard, w.issuer.fetches) == (["lifespan.startup.complete"], 1)
        said.put_nowait({"type": "lifespan.shutdown"})
        await living
        assert heard == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        await w.clock.advance(10_000)
        assert w.issuer.fetches == 1


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_a_single_private_member_makes_a_key_unfit_whichever_it_is(member: str) -> None:
    with pytest.raises(UnusableKey, match="private key"):
        read_key({**spare_key("RS256").jwk(), member: "AQAB"})


def test_the_algorithms_that_may_be_allowed_are_those_that_keys_are_read_for() -> None:
    read = {alg for name in ALL_ALGORITHMS for alg in read_key(spare_key(name).jwk()).algorithms}
    assert read == ALGORITHMS == ALL_ALGORITHMS


@pytest.mark.parametrize("crv", ["Ed25519", "P-256"])
def test_an_rsa_key_is_an_rsa_key_whatever_curve_it_says_it_has(crv: str) -> None:
    jwk = {name: value for name, value in spare_key("RS256").jwk().items() if name != "alg"}
    assert read_key({**jwk, "crv": crv}).algorithms == {"RS256"}
    with pytest.raises(UnusableKey, match="alg does not fit"):
        read_key({**jwk, "crv": crv, "alg": "EdDSA" if crv == "Ed25519" else "ES256"})


def test_a_set_without_a_usable_key_says_of_each_why() -> None:
    keys = [{**spare_key("EdDSA").jwk(), "d": "AQ"}, {"kty": "oct", "kid": "k"}]
    with pytest.raises(UnusableKeySet, match=r"^no usable key: a private key .*; a symmetric key"):
        KeySet.parse(json.dumps({"keys": keys}).encode())
    with pytest.raises(UnusableKeySet, match="the set is empty"):
        KeySet.parse(b'{"keys": []}')


@pytest.mark.parametrize("kid", [7, ["a"], {"a": 1}, True])
async def test_a_kid_that_is_no_text_is_not_handed_on_to_the_log(kid: Any) -> None:
    async with world() as w:
        with pytest.raises(InvalidToken) as refusal:
            await w.ask(w.issuer.token("alice", header={"kid": kid}))
        assert refusal.value.kid is None


def test_the_highest_port_is_one_and_plain_http_is_not_taken_unless_asked_for() -> None:
    check_key_set_url("https://keys.example:65535/jwks")
    check_key_set_url("http://keys.example/jwks", allow_http=True)
    for url in ("https://keys.example:65536/jwks", "https://keys.\ud800.example/hunter2", "https://a/\ud800hunter2"):
        with pytest.raises(ValueError, match="must be an http or https URL") as refusal:
            check_key_set_url(url)
        assert "hunter2" not in str(refusal.value)
    with pytest.raises(ValueError, match="plain http to another machine"):
        check_key_set_url("http://keys.example/jwks")


ENOUGH = "0123456789abcdef" * 3


@pytest.mark.parametrize(
    "pasted",
    [
        "-----BEGIN PUBLIC KEY-----" + ENOUGH,
        ENOUGH + '{"kty" \n :"RSA"}',
        "ssh-ed25519 AAAA" + ENOUGH,
        "ssh-x " + ENOUGH,
        " \n ssh-rsa AAAA" + ENOUGH,
        "ecdsa-sha2-nistp256 AAAA" + ENOUGH,
    ],
)
def test_a_key_file_is_no_secret_in_whatever_way_it_was_pasted(pasted: str) -> None:
    with pytest.raises(ValueError, match="is a key file"):
        check_secret(pasted)


@pytest.mark.parametrize(
    "odd",
    [
        "----BEGIN",
        "-----BEGI",
        'kty":',
        '"kty"',
        '"kty"x:',
        "x ssh-rsa A",
        "xssh-rsa A",
        "sshrsa A",
        "ecdsasha A",
        "ssh-rsa",
        "ssh- A",
    ],
)
def test_a_secret_that_only_resembles_a_key_file_is_one(odd: str) -> None:
    check_secret(odd + ENOUGH)


async def test_the_question_for_keys_names_the_types_and_the_one_encoding_that_are_read() -> None:
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
async def test_max_age_is_a_word_of_its_own_with_a_number_behind_it(cache_control: str, seconds: int | None) -> None:
    answer = httpx.Response(200, headers={"cache-control": cache_control}, content=b"{}")
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as http:
        assert (await fetch(http, "https://keys.example/jwks")).max_age == seconds


async def test_no_redirect_is_followed_even_by_a_client_that_follows_them() -> None:
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
async def test_an_answer_is_read_in_the_encoding_asked_for_or_in_none(
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


async def test_an_answer_in_full_to_a_conditional_question_is_read_and_an_error_is_one() -> None:
    answers = iter([httpx.Response(200, content=b"{}", headers={"etag": '"b"'}), httpx.Response(500)])
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: next(answers))) as http:
        assert await fetch(http, "https://keys.example/jwks", '"a"') == Fetched(b"{}", '"b"', None)
        with pytest.raises(FetchFailed, match="status 500"):
            await fetch(http, "https://keys.example/jwks", '"b"')
