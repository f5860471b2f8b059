"""Logout tokens and security events pushed by an issuer: what is genuine ends tokens, and nothing else does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tokenward import AuthError, InvalidToken, Tokenward
from tokenward.dpop import MemoryReplays
from tokenward.revocation import MemoryRevocations, Revocation
from tokenward.revocation.pushed import LOGOUT, SESSION_REVOKED
from tokenward.revocation.receiver import FORM, MAX_BODY, PUSH, RevocationReceiver
from tokenward.testing import ABSENT, Issuer, SigningKey
from tokenward.testing.keys import without_absent
from world import bearer

CLIENT = "my-client-id"
PERSON = {"format": "iss_sub", "iss": "https://issuer.example", "sub": "ada"}
SESSION = {"format": "opaque", "id": "phone"}


class Failing(MemoryRevocations):
    """One that cannot keep anything for a while."""

    failures = stored = 0

    async def revoke(self, revocations: Iterable[Revocation]) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        await super().revoke(revocations)
        self.stored += 1


class World:
    def __init__(self, issuer: Issuer, jwks: str, **options: Any) -> None:
        self.issuer = issuer
        self.ended = Failing(**options)
        self.auth = Tokenward(issuer=issuer.url, audience=issuer.audience, jwks_url=jwks, revocations=self.ended)
        self.receiver = RevocationReceiver(self.auth, self.ended, audience=CLIENT)
        self.numbers = iter(range(10_000))

    def logout(self, header: dict[str, Any] | None = None, key: SigningKey | None = None, **changes: Any) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer.url, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": f"l{next(self.numbers)}"}
        claims |= {"events": {LOGOUT: {}}, "sub": "ada", "sid": "phone"}
        return self._signed("logout+jwt", claims, changes, header, key)

    def event(self, header: dict[str, Any] | None = None, key: SigningKey | None = None, **changes: Any) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer.url, "aud": CLIENT, "iat": now, "jti": f"e{next(self.numbers)}"}
        claims |= {"events": {SESSION_REVOKED: {"event_timestamp": now}}, "sub_id": SESSION}
        return self._signed("secevent+jwt", claims, changes, header, key)

    def _signed(self, typ: str, claims: Any, changes: Any, header: Any, key: SigningKey | None) -> str:
        header = without_absent({**self.issuer.header(key), "typ": typ, **(header or {})})
        return self.issuer.sign_raw(header, without_absent({**claims, **changes}), key)

    async def send(self, body: bytes, media: str, method: str = "POST") -> httpx.Response:
        transport = httpx.ASGITransport(self.receiver)
        async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
            return await client.request(method, "/", content=body, headers={"content-type": media})

    async def push_logout(self, token: str) -> httpx.Response:
        return await self.send(f"logout_token={token}".encode(), FORM)

    async def push(self, token: str) -> httpx.Response:
        return await self.send(token.encode(), PUSH)

    async def outcome(self, **claims: Any) -> str:
        """Of a token, which was issued a minute ago unless ``iat`` says otherwise."""
        claims = {"iat": int(time.time()) - 60, **claims}
        try:
            return "ok:" + (await self.auth.authenticate(bearer(self.issuer.token("ada", **claims)), None)).subject
        except InvalidToken as refusal:
            return str(refusal.reason)
        except AuthError as refusal:
            return refusal.code


@asynccontextmanager
async def world(**options: Any) -> AsyncIterator[World]:
    issuer = Issuer("https://issuer.example")
    async with issuer.serve() as jwks:
        it = World(issuer, jwks, **options)
        async with it.auth:
            yield it


async def test_a_logout_token_with_a_sid_ends_that_session_alone() -> None:
    async with world() as it:
        assert await it.outcome(sid="phone") == "ok:ada"
        answer = await it.push_logout(it.logout())
        assert (answer.status_code, answer.headers["cache-control"], answer.content) == (200, "no-store", b"")
        assert await it.outcome(sid="phone") == "revoked"
        assert await it.outcome(sid="desk") == "ok:ada"


async def test_a_logout_token_with_a_sub_alone_ends_what_the_person_has_now() -> None:
    async with world() as it:
        assert (await it.push_logout(it.logout(sid=ABSENT))).status_code == 200
        assert await it.outcome(sid="phone") == "revoked"
        assert await it.outcome(iat=int(time.time()) + 2) == "ok:ada", "signed in anew"


EVENTS: dict[str, tuple[dict[str, Any], str]] = {
    "a session": ({}, "sid"),
    "a person": ({"sub_id": PERSON}, "sub"),
    "a person by sub": ({"sub_id": ABSENT, "sub": "ada"}, "sub"),
    "both": ({"sub_id": {"format": "complex", "session": SESSION, "user": PERSON}}, "sid"),
    "a person and a tenant": (
        {"sub_id": {"format": "complex", "user": PERSON, "tenant": {"format": "opaque", "id": "t"}}},
        "sub",
    ),
    "a person by an opaque id": (
        {"sub_id": {"format": "complex", "user": {"format": "opaque", "id": "ada"}}},
        "sub",
    ),
    "as earlier drafts had it": (
        {
            "sub_id": ABSENT,
            "events": {SESSION_REVOKED: {"subject": {"subject_type": "iss-sub", "iss": PERSON["iss"], "sub": "ada"}}},
        },
        "sub",
    ),
    "session and person as earlier drafts had it": (
        {"sub_id": ABSENT, "events": {SESSION_REVOKED: {"subject": {"session": SESSION, "user": PERSON}}}},
        "sid",
    ),
}


@pytest.mark.parametrize("name", EVENTS)
async def test_a_session_revoked_event_ends_what_it_is_about(name: str) -> None:
    changes, kind = EVENTS[name]
    async with world() as it:
        answer = await it.push(it.event(**changes))
        assert (answer.status_code, answer.content) == (202, b"")
        assert await it.outcome(sid="phone") == "revoked"
        assert await it.outcome(sid="desk") == ("revoked" if kind == "sub" else "ok:ada")


async def test_an_event_of_another_type_is_acknowledged_and_ends_nothing() -> None:
    async with world() as it:
        verification = "https://schemas.openid.net/secevent/ssf/event-type/verification"
        answer = await it.push(it.event(events={verification: {"state": "x"}}, sub_id={"format": "opaque", "id": "s"}))
        assert answer.status_code == 202
        assert len(it.ended) == 0


async def test_an_event_that_says_it_happened_later_ends_no_token_of_the_future() -> None:
    async with world() as it:
        later = int(time.time()) + 9_000_000
        event = {SESSION_REVOKED: {"event_timestamp": later}}
        assert (await it.push(it.event(sub_id=PERSON, events=event))).status_code == 202
        assert await it.outcome() == "revoked"
        assert await it.outcome(iat=int(time.time()) + 2) == "ok:ada"


NOW = time.time()
BOTH: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://other.example"}, "invalid_issuer"),
    "an issuer with a slash": ({"iss": "https://issuer.example/"}, "invalid_issuer"),
    "no issuer": ({"iss": ABSENT}, "invalid_issuer"),
    "the API's audience": ({"aud": "https://issuer.example"}, "invalid_audience"),
    "no audience": ({"aud": ABSENT}, "invalid_audience"),
    "an audience that is a number": ({"aud": [7]}, "invalid_audience"),
    "no jti": ({"jti": ABSENT}, "invalid_request"),
    "a jti that is a number": ({"jti": 7}, "invalid_request"),
    "an empty jti": ({"jti": ""}, "invalid_request"),
    "a jti of 10,000 characters": ({"jti": "x" * 1000}, "invalid_request"),
    "no iat": ({"iat": ABSENT}, "invalid_request"),
    "an iat as text": ({"iat": "1"}, "invalid_request"),
    "an iat that is true": ({"iat": True}, "invalid_request"),
    "an iat in the future": ({"iat": int(NOW) + 4000, "exp": int(NOW) + 4100}, "invalid_request"),
    "expired": ({"exp": int(NOW) - 100, "iat": int(NOW) - 200}, "invalid_request"),
    "not valid yet": ({"nbf": int(NOW) + 4000}, "invalid_request"),
    "no events": ({"events": ABSENT}, "invalid_request"),
    "events that are empty": ({"events": {}}, "invalid_request"),
    "events that are a list": ({"events": [LOGOUT, SESSION_REVOKED]}, "invalid_request"),
    "events that are a string": ({"events": SESSION_REVOKED}, "invalid_request"),
    "an event that is null": ({"events": {LOGOUT: None, SESSION_REVOKED: None}}, "invalid_request"),
    "an event that is true": ({"events": {LOGOUT: True, SESSION_REVOKED: True}}, "invalid_request"),
}
LOGOUTS: dict[str, dict[str, Any]] = {
    "no exp": {"exp": ABSENT},
    "a life of a year": {"exp": int(NOW) + 31_536_000},
    "a nonce": {"nonce": "n"},
    "a nonce that is null": {"nonce": None},
    "neither sub nor sid": {"sub": ABSENT, "sid": ABSENT},
    "a sid that is a list": {"sid": ["phone"]},
    "a sid that is empty": {"sid": ""},
    "a sub that is a number": {"sub": 7},
    "another event": {"events": {SESSION_REVOKED: {}}},
    "the event by https": {"events": {LOGOUT.replace("http:", "https:"): {}}},
    "the event with a slash": {"events": {LOGOUT + "/": {}}},
}
PUSHED: dict[str, dict[str, Any]] = {
    "another issuer's person": {"sub_id": {**PERSON, "iss": "https://other.example"}},
    "another issuer's person in a complex subject": {
        "sub_id": {"format": "complex", "user": {**PERSON, "iss": "https://other.example"}}
    },
    "two people": {"sub": "bob", "sub_id": PERSON},
    "an address": {"sub_id": {"format": "email", "email": "ada@example.com"}},
    "a device": {"sub_id": {"format": "complex", "device": {"format": "opaque", "id": "d"}}},
    "no subject": {"sub_id": ABSENT},
    "a subject that is a string": {"sub_id": "phone"},
    "a subject that is null": {"sub_id": None},
    "a session that is a number": {"sub_id": {"format": "opaque", "id": 7}},
    "a subject in a subject in a subject": {"sub_id": {"format": "complex", "user": {"format": "complex"}}},
    "a toe in the future": {"toe": int(NOW) + 9000},
    "an event_timestamp as text": {"events": {SESSION_REVOKED: {"event_timestamp": "now"}}},
}
HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "an access token": ({"typ": "JWT"}, "invalid_request"),
    "no typ": ({"typ": ABSENT}, "invalid_request"),
    "a feed's answer": ({"typ": "revocations+jwt"}, "invalid_request"),
    "alg none": ({"alg": "none"}, "invalid_key"),
    "alg HS256": ({"alg": "HS256"}, "invalid_key"),
    "a crit": ({"crit": ["x"]}, "invalid_request"),
    "no kid": ({"kid": ABSENT}, "invalid_key"),
    "a kid that nobody has": ({"kid": "nobody"}, "invalid_key"),
}


async def refused(it: World, answer: httpx.Response, code: str | None) -> None:
    """400 with an error as JSON (RFC 8935 §2.3; `error` where there is no code), and nothing has changed."""
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told["err" if code else "error"] == (code or "invalid_request")
    assert told["description" if code else "error_description"]
    assert len(it.ended) == 0
    assert await it.outcome(sid="phone") == "ok:ada"


@pytest.mark.parametrize("name", BOTH)
async def test_claims_that_speak_against_either_kind(name: str) -> None:
    changes, code = BOTH[name]
    async with world() as it:
        await refused(it, await it.push_logout(it.logout(**changes)), None)
        await refused(it, await it.push(it.event(**changes)), code)


@pytest.mark.parametrize("name", LOGOUTS)
async def test_claims_that_speak_against_a_logout_token(name: str) -> None:
    async with world() as it:
        await refused(it, await it.push_logout(it.logout(**LOGOUTS[name])), None)


@pytest.mark.parametrize("name", PUSHED)
async def test_claims_that_speak_against_a_security_event(name: str) -> None:
    async with world() as it:
        answer = await it.push(it.event(**PUSHED[name]))
        await refused(it, answer, "invalid_issuer" if "another issuer" in name else "invalid_request")


@pytest.mark.parametrize("name", HEADERS)
async def test_headers_that_speak_against_either_kind(name: str) -> None:
    header, code = HEADERS[name]
    async with world() as it:
        await refused(it, await it.push_logout(it.logout(header)), None)
        await asyncio.sleep(1 if "nobody" in name else 0)  # keys are asked for once a second at most
        await refused(it, await it.push(it.event(header)), code)


async def test_a_forged_signature_and_a_token_of_the_other_kind_end_nothing() -> None:
    async with world() as it:
        stranger = SigningKey.new(kid=it.issuer.signer.kid)
        await refused(it, await it.push_logout(it.logout(key=stranger)), None)
        await refused(it, await it.push(it.event(key=stranger)), "authentication_failed")
        await refused(it, await it.push_logout(it.event()), None)
        await refused(it, await it.push(it.logout()), "invalid_request")
        await refused(it, await it.push(it.issuer.token("ada", aud=CLIENT)), "invalid_request")


async def test_each_token_is_taken_once() -> None:
    async with world() as it:
        logout, event = it.logout(sid="one"), it.event()
        assert (await it.push_logout(logout)).status_code == 200
        again = await it.push_logout(logout)
        assert (again.status_code, again.json()["error"]) == (400, "invalid_request")
        answers = await asyncio.gather(*(it.push_logout(it_token) for it_token in [it.logout(jti="same")] * 20))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19
        assert [(await it.push(event)).status_code for _ in range(3)] == [202] * 3


async def test_an_event_that_could_not_be_stored_may_be_sent_again() -> None:
    async with world() as it:
        it.ended.failures = 1
        token = it.logout()
        answer = await it.push_logout(token)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert await it.outcome(sid="phone") == "ok:ada"
        assert (await it.push_logout(token)).status_code == 200
        assert await it.outcome(sid="phone") == "revoked"
        assert (await it.push_logout(token)).status_code == 400


async def sent_again_elsewhere(it: World, send: str, token: str) -> list[int]:
    """The answers of two replicas with one store of jti, of which the first cannot keep what it is sent."""
    replays = MemoryReplays()
    answers = []
    for failures in (1, 0, 0):
        it.ended.failures = failures
        it.receiver = RevocationReceiver(it.auth, it.ended, audience=CLIENT, replays=replays)
        answers.append((await getattr(it, send)(token)).status_code)
        assert await it.outcome(sid="phone") == ("ok:ada" if failures else "revoked")
    return answers


async def test_what_one_replica_could_not_store_is_stored_by_the_next_that_is_sent_it() -> None:
    async with world() as it:
        assert await sent_again_elsewhere(it, "push", it.event()) == [503, 202, 202]
    async with world() as it:
        assert await sent_again_elsewhere(it, "push_logout", it.logout()) == [503, 200, 400]


@pytest.mark.parametrize("send", ["push", "push_logout"])
async def test_a_replayed_token_is_not_stored_again(send: str) -> None:
    async with world() as it:
        token = it.event() if send == "push" else it.logout()
        statuses = [(await getattr(it, send)(token)).status_code for _ in range(5)]
        assert statuses == ([202] * 5 if send == "push" else [200] + [400] * 4)
        assert it.ended.stored == 1


async def test_a_token_is_taken_again_until_the_store_of_jti_answers() -> None:
    async with world() as it:
        full = MemoryReplays(size=0)
        it.receiver = RevocationReceiver(it.auth, it.ended, audience=CLIENT, replays=full)
        token = it.event()
        assert [(await it.push(token)).status_code for _ in range(2)] == [503, 503]
        assert await it.outcome(sid="phone") == "revoked", "what is stored counts, although it is not acknowledged"
        assert it.ended.stored == 1


async def test_more_than_may_be_held_is_503_and_what_is_held_stays() -> None:
    async with world(max_entries=3) as it:
        for number in range(3):
            assert (await it.push_logout(it.logout(sid=f"s{number}"))).status_code == 200
        assert (await it.push_logout(it.logout(sid="one more"))).status_code == 503
        assert await it.outcome(sid="s0") == "revoked"


async def test_without_keys_a_pushed_event_gets_503_with_retry_after() -> None:
    issuer = Issuer("https://issuer.example")
    it = World(issuer, "http://127.0.0.1:9/jwks")
    for answer in (await it.push_logout(it.logout()), await it.push(it.event())):
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
    assert len(it.ended) == 0


BODIES: dict[str, tuple[bytes, str, str, int]] = {
    "a GET": (b"", FORM, "GET", 405),
    "JSON": (b"{}", "application/json", "POST", 415),
    "no media type": (b"x", "", "POST", 415),
    "an empty form": (b"", FORM, "POST", 400),
    "an empty token": (b"logout_token=", FORM, "POST", 400),
    "two tokens": (b"logout_token=a&logout_token=b", FORM, "POST", 400),
    "a thousand fields": (b"a=b&" * 1000, FORM, "POST", 400),
    "no token": (b"", PUSH, "POST", 400),
    "nonsense": (b"a.b.c", PUSH, "POST", 400),
    "not ASCII": ("é.é.é".encode(), PUSH, "POST", 400),
    "a JWE": (b"a.b.c.d.e", PUSH, "POST", 400),
    "a body of a megabyte": (b"x" * 1_000_000, PUSH, "POST", 413),
    "a body of one byte too many": (b"x" * (MAX_BODY + 1), FORM, "POST", 413),
}


@pytest.mark.parametrize("name", BODIES)
async def test_bodies_that_hold_no_token(name: str) -> None:
    body, media, method, status = BODIES[name]
    async with world() as it:
        answer = await it.send(body, media, method)
        assert answer.status_code == status
        assert answer.json()["err" if media == PUSH else "error"] == "invalid_request"
        assert answer.headers.get("allow") == ("POST" if status == 405 else None)
        assert len(it.ended) == 0


async def test_a_body_without_end_is_read_no_further_than_its_bound() -> None:
    async with world() as it:
        sent = 0

        async def receive() -> dict[str, Any]:
            nonlocal sent
            sent += 1000
            return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

        told: list[Any] = []

        async def send(message: Any) -> None:
            told.append(message)

        scope = {"type": "http", "method": "POST", "headers": [(b"content-type", PUSH.encode())]}
        await it.receiver(scope, receive, send)
        assert told[0]["status"] == 413
        assert sent <= MAX_BODY + 1000


async def test_a_media_type_with_parameters_is_read_like_one_without() -> None:
    async with world() as it:
        body = f"logout_token={it.logout()}&other=1".encode()
        assert (await it.send(body, f"{FORM.upper()}; charset=utf-8")).status_code == 200


def _in_starlette(it: World) -> Any:
    from starlette.applications import Starlette
    from starlette.routing import Route

    return Starlette(routes=[Route("/logout", it.receiver)])


def _in_fastapi(it: World) -> Any:
    from fastapi import FastAPI

    app = FastAPI()
    app.add_route("/logout", it.receiver)  # type: ignore[arg-type]  # Starlette takes an ASGI application as well
    return app


@pytest.mark.parametrize("mount", [_in_starlette, _in_fastapi])
async def test_the_receiver_works_in_a_mounted_application(mount: Callable[[World], Any]) -> None:
    async with world() as it:
        transport = httpx.ASGITransport(mount(it))
        async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
            data = {"logout_token": it.logout()}
            assert (await client.post("/logout", data=data)).status_code == 200
            assert (await client.get("/logout")).status_code == 405
            pushed = await client.post("/logout", content=it.event(), headers={"content-type": PUSH})
            assert pushed.status_code == 202
        assert await it.outcome(sid="phone") == "revoked"
