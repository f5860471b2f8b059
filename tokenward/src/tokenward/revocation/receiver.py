"""An ASGI endpoint to which issuers push what has ended: logout tokens and security event tokens."""

import asyncio
import dataclasses
import hashlib
import json
import logging
from collections.abc import Collection, Iterable
from typing import Protocol
from urllib.parse import parse_qsl

from cachetools import LRUCache

from tokenward.asgi import Receive, Scope, Send, running
from tokenward.authenticator import Authenticator
from tokenward.clock import Clock
from tokenward.dpop.replays import Full, MemoryReplays, Replays
from tokenward.errors import InvalidToken, KeysUnavailable, Reason
from tokenward.jws import parse
from tokenward.revocation.memory import TooMany
from tokenward.revocation.protocol import Revocation
from tokenward.revocation.pushed import LOGOUT_TOKEN, SECURITY_EVENT, logout, security_event
from tokenward.trusted import several

MAX_BODY = 16 * 1024
PATIENCE = 10.0  # seconds for the whole body
MAX_STORED = 10_000

FORM = "application/x-www-form-urlencoded"
PUSH = "application/secevent+jwt"
#: RFC 8935 §2.4.
_CODES = {
    Reason.ISSUER: "invalid_issuer",
    Reason.AUDIENCE: "invalid_audience",
    Reason.UNKNOWN_KEY: "invalid_key",
    Reason.KEY_ID: "invalid_key",
    Reason.ALGORITHM: "invalid_key",
    Reason.SIGNATURE: "authentication_failed",
}

_log = logging.getLogger("tokenward")


class Revoker(Protocol):
    """Takes revocations: MemoryRevocations for this process, PostgresRevocations for every process."""

    async def revoke(self, revocations: Iterable[Revocation]) -> None: ...


class Refused(Exception):
    """The answer to a request that ends nothing."""

    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(description)
        self.status, self.code = status, code


class RevocationReceiver:
    """Takes back-channel logout tokens (OpenID) and pushed security event tokens (RFC 8935) with ``POST``.

    The issuers are those of ``authenticator``, with their keys and algorithms. ``audience`` is what pushed tokens are
    for: the client id for logout tokens, what the stream was set up with for events. ``replays`` remembers their
    ``jti``; without a shared one each process takes a token once, which ends the same tokens again.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        revoker: Revoker,
        *,
        audience: str | Collection[str],
        replays: Replays | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._authenticator = authenticator
        self._revoker = revoker
        self._audiences = frozenset(several(audience))
        if not self._audiences or "" in self._audiences:
            raise ValueError("audience: is not set: the aud of pushed tokens, such as your client id")
        self._clock = clock or Clock()
        self._replays = MemoryReplays(clock=self._clock) if replays is None else replays
        self._stored: LRUCache[bytes, None] = LRUCache(MAX_STORED)  # tokens whose revocations this process has stored

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """The lifespan of a receiver that is not mounted in another application."""
        await receive()
        async with running(self._authenticator):
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name: value for name, value in scope["headers"] if name in (b"content-type", b"content-length")}
        media = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        try:
            body = await _body(scope, receive, headers)
            if body is None:
                return
            if media == FORM:
                await self._take(_logout_token(body), LOGOUT_TOKEN)
                await _send(send, 200)
            elif media == PUSH:
                await self._take(_ascii(body), SECURITY_EVENT)
                await _send(send, 202)
            else:
                raise Refused(415, "invalid_request", f"send {FORM} or {PUSH}")
        except Refused as refusal:
            await _send(send, refusal.status, _told(media, refusal.code, str(refusal)), refusal.status == 405)
        except InvalidToken as refusal:
            _log.warning("a pushed token was refused: %s (%s)", refusal.reason, refusal.detail)
            code = _CODES.get(refusal.reason, "invalid_request") if media == PUSH else "invalid_request"
            await _send(send, 400, _told(media, code, refusal.detail))
        except Exception as failure:  # any error of key sources, stores and databases; the issuer tries again
            known = isinstance(failure, KeysUnavailable | TooMany | Full)
            _log.warning("a pushed token could not be taken: %s", failure if known else type(failure).__name__)
            await _send(send, 503, _told(media, "temporarily_unavailable", "try again later"))

    async def _take(self, token: str, kind: str) -> None:
        """Raises InvalidToken, and what the key source, the store or the revoker raise."""
        jws = parse(token.strip())
        source, expected = self._authenticator.trust(jws)
        verifier = dataclasses.replace(expected, types=frozenset({kind}), audiences=self._audiences)
        verifier.check_header(jws.header)
        verifier.check_issuer(jws.claims)
        verifier.check_audience(jws.claims)
        read = logout if kind == LOGOUT_TOKEN else security_event
        pushed = read(jws.claims, verifier, self._clock.wall())
        verifier.check_signature(jws, await source.find(jws))
        key = hashlib.sha256(f"{jws.claims['iss']}\0{kind}\0{pushed.jti}".encode()).digest()[:16]
        # Stored first: a jti in a shared store says that the revocations of its token are stored (RFC 8935 §2.2).
        if key not in self._stored:  # to store them twice changes nothing, but a replay must not be able to add rows
            await self._revoker.revoke(pushed.ends)
            self._stored[key] = None
        if not await self._replays.first_use(key, max(pushed.seconds, 1)) and kind == LOGOUT_TOKEN:
            raise InvalidToken(Reason.CLAIMS, "its jti was used before")


async def _body(scope: Scope, receive: Receive, headers: dict[bytes, bytes]) -> bytes | None:
    """The body, or None when the client has gone. Raises Refused."""
    if scope["method"] != "POST":
        raise Refused(405, "invalid_request", "send POST")
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and (len(length) > 9 or int(length) > MAX_BODY):
        raise Refused(413, "invalid_request", f"a body of at most {MAX_BODY} bytes is taken")
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                body += message.get("body", b"")
                if len(body) > MAX_BODY:
                    raise Refused(413, "invalid_request", f"a body of at most {MAX_BODY} bytes is taken")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise Refused(408, "invalid_request", "the body took too long") from None


def _logout_token(body: bytes) -> str:
    try:
        fields = parse_qsl(_ascii(body), keep_blank_values=True, max_num_fields=16)
    except ValueError:
        raise Refused(400, "invalid_request", "too many fields") from None
    tokens = [value for name, value in fields if name == "logout_token"]
    if len(tokens) != 1 or not tokens[0]:
        raise Refused(400, "invalid_request", "send exactly one logout_token")
    return tokens[0]


def _ascii(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError:
        raise Refused(400, "invalid_request", "the body is not ASCII") from None


def _told(media: str, code: str, description: str) -> bytes:
    """RFC 8935 §2.3, or the error of OpenID Connect Back-Channel Logout 1.0 §2.8."""
    names = ("err", "description") if media == PUSH else ("error", "error_description")
    return json.dumps(dict(zip(names, (code, description), strict=True))).encode()


async def _send(send: Send, status: int, body: bytes = b"", allow: bool = False) -> None:
    headers = [(b"cache-control", b"no-store"), (b"content-length", str(len(body)).encode())]
    if body:
        headers += [(b"content-type", b"application/json"), (b"content-language", b"en")]
    if allow:
        headers.append((b"allow", b"POST"))
    if status == 503:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
