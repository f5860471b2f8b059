"""A stand-in for Better Auth that really signs: keys, key set and tokens, in memory or on a real socket.

Signatures are made with `cryptography` alone: the tests never lean on the library the service verifies with.

    issuer = Issuer()
    issuer.token("alice")                            # as `GET /api/auth/token` would hand out
    issuer.token("alice", exp=0, email=ABSENT)       # claims changed or left out
    issuer.token("alice", header={"typ": "at+jwt"})  # header changed likewise
    issuer.rotate("RS256")                           # a new key signs from now on, the old one stays
    issuer.transport()                               # for httpx, in memory: counts fetches, follows a script
    async with issuer.serve() as url: ...            # the same over a real socket
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ABSENT: Final = object()
"""As the value of a claim or of a header member: leave it out."""

JWKS_PATH: Final = "/api/auth/jwks"
LIFETIME: Final = 15 * 60
"""Seconds a token of Better Auth lives unless told otherwise."""

PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

CURVES: Final = {
    "ES256": (ec.SECP256R1(), "P-256", 32),
    "ES384": (ec.SECP384R1(), "P-384", 48),
    "ES512": (ec.SECP521R1(), "P-521", 66),
}
HASHES: Final = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def b64(raw: bytes) -> str:
    """base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64_int(number: int, size: int | None = None) -> str:
    return b64(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def as_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def without_absent(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ABSENT}


@dataclass(frozen=True)
class SigningKey:
    """One private key of the issuer's, bound to one algorithm."""

    alg: str
    kid: str
    private: PrivateKey

    @classmethod
    def new(cls, alg: str = "EdDSA", kid: str | None = None, *, bits: int = 2048) -> SigningKey:
        private: PrivateKey
        if alg in ("EdDSA", "Ed25519"):
            private = ed25519.Ed25519PrivateKey.generate()
        elif alg in CURVES:
            private = ec.generate_private_key(CURVES[alg][0])
        else:
            private = rsa.generate_private_key(65537, bits)
        return cls(alg, kid or secrets.token_urlsafe(24), private)  # Better Auth's ids are 32 random characters too

    def jwk(self) -> dict[str, Any]:
        """The public half as Better Auth publishes it: alg, crv, x, kty, kid, and never `use`."""
        public = self.private.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            own = {"crv": "Ed25519", "x": b64(public.public_bytes_raw()), "kty": "OKP"}
        elif isinstance(public, ec.EllipticCurvePublicKey):
            point = public.public_numbers()
            _, crv, size = CURVES[self.alg]
            own = {"crv": crv, "x": b64_int(point.x, size), "y": b64_int(point.y, size), "kty": "EC"}
        else:
            numbers = public.public_numbers()
            own = {"kty": "RSA", "n": b64_int(numbers.n), "e": b64_int(numbers.e)}
        return {"alg": self.alg, **own, "kid": self.kid}

    def public_bytes(
        self,
        encoding: serialization.Encoding = serialization.Encoding.PEM,
        form: serialization.PublicFormat = serialization.PublicFormat.SubjectPublicKeyInfo,
    ) -> bytes:
        """The public key as a file: what an attacker would feed to HMAC."""
        return self.private.public_key().public_bytes(encoding, form)

    def sign(self, signed: bytes, alg: str | None = None) -> bytes:
        """The raw JWS signature (RFC 7518, section 3; RFC 8037, section 3.1) of `signed`.

        With `alg`, an RSA key signs by another algorithm of its family than the one it is published with.
        """
        alg = alg or self.alg
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(signed)
        digest = HASHES[alg[2:]]
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self.private.sign(signed, ec.ECDSA(digest)))
            size = CURVES[self.alg][2]
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if alg.startswith("PS"):
            return self.private.sign(signed, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return self.private.sign(signed, padding.PKCS1v15(), digest)


@functools.cache
def spare_key(alg: str, number: int = 0) -> SigningKey:
    """Key `number` for `alg`, made once a test run: RSA keys take a while."""
    return SigningKey.new(alg)


def compact(header: Mapping[str, Any] | bytes, payload: Any, sign: Callable[[bytes], bytes]) -> str:
    """A compact JWS (RFC 7515, section 7.1). Either part may be given as the very bytes to encode."""
    parts = [part if isinstance(part, bytes) else as_json(part) for part in (header, payload)]
    signed = f"{b64(parts[0])}.{b64(parts[1])}"
    return f"{signed}.{b64(sign(signed.encode()))}"


@dataclass
class Answer:
    """What the key server says to one fetch; the default is what Better Auth says."""

    status: int = 200
    body: bytes | str | Mapping[str, Any] | None = None
    """None: the issuer's key set as it is when the answer is sent."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before anything is answered."""
    gate: asyncio.Event | None = None
    """Answer only once this is set: a delay that a test can end."""
    error: Exception | None = None
    """In memory: raised from the transport. Over a socket: the connection is reset."""
    cut_at: int | None = None
    """Over a socket: send this many bytes of the body, then close."""


class Issuer:
    """Better Auth as its tokens and its key set show it.

    `fetches` counts what asked for the key set; `script` holds the answers to the next fetches, after which
    `always` (a healthy server, unless a test says otherwise) answers.
    """

    def __init__(
        self,
        url: str = "http://localhost:3000",
        *,
        audience: str | None = None,
        alg: str = "EdDSA",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.url = url
        self.audience = audience or url  # Better Auth: both are the origin of baseURL
        self.clock = clock
        self.keys = [SigningKey.new(alg)]
        self.signer = self.keys[0]
        self.fetches = 0
        self.script: deque[Answer] = deque()
        self.always = Answer()
        self.fetched = asyncio.Condition()

    @property
    def jwks_url(self) -> str:
        return self.url + JWKS_PATH

    # Keys

    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.jwk() for key in self.keys]}

    def rotate(self, alg: str | None = None, key: SigningKey | None = None) -> SigningKey:
        """A new key signs from now on, published in the same moment; old ones stay (Better Auth: 30 days)."""
        self.signer = key or SigningKey.new(alg or self.signer.alg)
        self.keys.append(self.signer)
        return self.signer

    def remove(self, kid: str) -> None:
        """The key is published no longer; if it was the signer, the newest of the others signs."""
        self.keys = [key for key in self.keys if key.kid != kid]
        if self.signer.kid == kid and self.keys:
            self.signer = self.keys[-1]

    # Tokens

    def header(self, key: SigningKey | None = None, **changes: Any) -> dict[str, Any]:
        key = key or self.signer
        return without_absent({"alg": key.alg, "kid": key.kid, **changes})

    def claims(self, sub: Any = "alice", **changes: Any) -> dict[str, Any]:
        """The whole user object beside the registered claims, as Better Auth signs by default."""
        now = int(self.clock())
        user = {
            "name": str(sub).title(),
            "email": f"{sub}@example.com",
            "emailVerified": False,
            "image": None,
            "createdAt": "2026-11-21T09:00:00.000Z",
            "updatedAt": "2026-11-21T09:00:00.000Z",
            "id": sub,
        }
        registered = {"iat": now, "exp": now + LIFETIME, "iss": self.url, "aud": self.audience, "sub": sub}
        return without_absent({**user, **registered, **changes})

    def token(
        self,
        sub: Any = "alice",
        *,
        header: Mapping[str, Any] | None = None,
        key: SigningKey | None = None,
        **claims: Any,
    ) -> str:
        """A signed token; `header` and `claims` change single members, `ABSENT` leaves one out.

        With `key`, that key signs under its own `kid` (`header={"kid": …}` borrows another's).
        """
        key = key or self.signer
        return compact(self.header(key, **(header or {})), self.claims(sub, **claims), key.sign)

    def sign_raw(self, header: Mapping[str, Any] | bytes, payload: Any, key: SigningKey | None = None) -> str:
        """A genuine signature over whatever is given, sense or nonsense."""
        return compact(header, payload, (key or self.signer).sign)

    def expired_token(self, sub: str = "alice", ago: int = 3600) -> str:
        """Genuine in every way, but `exp` passed `ago` seconds ago."""
        now = int(self.clock())
        return self.token(sub, iat=now - ago - LIFETIME, exp=now - ago)

    # The key server

    def _body(self, answer: Answer) -> bytes:
        body = self.jwks() if answer.body is None else answer.body
        if isinstance(body, bytes):
            return body
        return body.encode() if isinstance(body, str) else as_json(body)

    async def _next_answer(self) -> Answer:
        self.fetches += 1
        answer = self.script.popleft() if self.script else self.always
        async with self.fetched:
            self.fetched.notify_all()
        if answer.gate is not None:
            await answer.gate.wait()
        if answer.delay:
            await asyncio.sleep(answer.delay)
        return answer

    async def fetched_times(self, times: int) -> None:
        """Return once the key set was asked for this often in all."""
        async with self.fetched:
            await self.fetched.wait_for(lambda: self.fetches >= times)

    async def respond(self, request: httpx.Request) -> httpx.Response:
        """The answer to one request, for `httpx.MockTransport` or as a side effect of respx."""
        if request.method != "GET" or request.url.path != JWKS_PATH:  # Better Auth: HEAD and OPTIONS are 404
            return httpx.Response(404)
        answer = await self._next_answer()
        if answer.error is not None:
            raise answer.error
        headers = {"content-type": "application/json", **answer.headers}
        return httpx.Response(answer.status, headers=headers, content=self._body(answer))

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.respond)

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[str]:
        """Serve the key set on a real socket of 127.0.0.1; yields its URL.."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", port)
        try:
            bound = server.sockets[0].getsockname()[1]
            yield f"http://127.0.0.1:{bound}{JWKS_PATH}"
        finally:
            server.close()
            for task in list(self._connections):
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await server.wait_closed()

    @functools.cached_property
    def _connections(self) -> set[asyncio.Task[None]]:
        return set()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
        except asyncio.CancelledError:
            pass  # the server closes; a cancelled handler would be logged as an error by asyncio
        finally:
            self._connections.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; true while the connection stays open for another."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n", 1)[0].split(b" ")
        if (method, path) != (b"GET", JWKS_PATH.encode()):
            writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            return True
        answer = await self._next_answer()
        if answer.error is not None:
            writer.transport.abort()
            return False
        body = self._body(answer)
        headers = {"content-type": "application/json", "content-length": str(len(body)), **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} -", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        writer.write(body if answer.cut_at is None else body[: answer.cut_at])
        await writer.drain()
        return answer.cut_at is None
