"""Ways to use a token that is bound to a key without that key, one row a way, against ``GET /api/me/tasks/counts``.

A row's ``forge`` is handed a ``Thief`` and returns the header fields of one request. Each must be answered 401.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tokenward.testing import ABSENT, Holder, Issuer
from tokenward.testing.keys import as_json, b64, compact

HOST = "http://taskward.test"
PATH = "/api/me/tasks/counts"
URL = HOST + PATH

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Misuse:
    name: str
    reference: str
    forge: Callable[[Thief], Headers]
    code: str = "invalid_token"


class Thief:
    """What a thief has: the victim's bound token, proofs of the victim's for other requests, and keys of their own."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.victim = Holder("ES256", clock=issuer.clock)
        self.ed = Holder("EdDSA", clock=issuer.clock)
        self.rsa = Holder("RS256", clock=issuer.clock)
        self.own = Holder("ES256", clock=issuer.clock)
        self.token = issuer.token("victim", cnf=self.victim.cnf)
        self.unbound = issuer.token("victim")
        self.mine = issuer.token("mallory", cnf=self.own.cnf)

    @property
    def now(self) -> int:
        return int(self.issuer.clock())

    def with_proof(self, proof: str, token: str | None = None, scheme: str = "DPoP") -> Headers:
        return [("authorization", f"{scheme} {token or self.token}"), ("dpop", proof)]

    def says(self, **claims: Any) -> Headers:
        """The victim's own signature: only what it says speaks against it."""
        return self.with_proof(self.victim.proof(self.token, "GET", URL, **claims))

    def heads(self, **header: Any) -> Headers:
        return self.with_proof(self.victim.proof(self.token, "GET", URL, header=header))

    def jwk(self, **members: Any) -> Headers:
        return self.heads(jwk={k: v for k, v in {**self.victim.jwk, **members}.items() if v is not ABSENT})

    def raw(self, header: bytes | None = None, claims: bytes | None = None) -> Headers:
        ath = b64(hashlib.sha256(self.token.encode()).digest())
        said = {"jti": "raw", "htm": "GET", "htu": URL, "iat": self.now, "ath": ath}
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.victim.jwk}
        return self.with_proof(compact(header or as_json(head), claims or as_json(said), self.victim.key.sign))

    def cut(self, change: Callable[[str], str]) -> Headers:
        return self.with_proof(change(self.victim.proof(self.token, "GET", URL)))


def _schemes() -> list[Misuse]:
    return [
        Misuse("the token alone, as a bearer token", "RFC 9449 §7.2",
               lambda t: [("authorization", f"Bearer {t.token}")]),
        Misuse("as a bearer token with a good proof", "RFC 9449 §7.2",
               lambda t: t.with_proof(t.victim.proof(t.token, "GET", URL), scheme="Bearer")),
        Misuse("without a proof", "RFC 9449 §7.1", lambda t: [("authorization", f"DPoP {t.token}")]),
        Misuse("with an empty proof", "RFC 9449 §4.3", lambda t: t.with_proof("")),
        Misuse("with two proofs", "RFC 9449 §4.3",
               lambda t: [*t.says(), ("dpop", t.victim.proof(t.token, "GET", URL))]),
        Misuse("with one proof twice", "RFC 9449 §4.3", lambda t: [*(said := t.says()), said[1]]),
        Misuse("with two proofs in one header", "RFC 9449 §4.3", lambda t: t.cut(lambda proof: f"{proof}, {proof}")),
        Misuse("with the token as its proof", "RFC 9449 §4.3", lambda t: t.with_proof(t.token)),
        Misuse("with the proof as the token", "RFC 9449 §4.3",
               lambda t: t.with_proof(t.victim.proof(t.token, "GET", URL), t.victim.proof(t.token, "GET", URL))),
        Misuse("a token that is bound to no key, with a proof", "RFC 9449 §7.1",
               lambda t: t.with_proof(t.own.proof(t.unbound, "GET", URL), t.unbound)),
        Misuse("the proof where no credentials are", "RFC 9449 §7.1",
               lambda t: [("dpop", t.victim.proof(t.token, "GET", URL))], code="missing_token"),
    ]  # fmt: skip


def _keys() -> list[Misuse]:
    return [
        Misuse("a proof by the thief's key", "RFC 9449 §4.3", lambda t: t.with_proof(t.own.proof(t.token, "GET", URL))),
        Misuse("a proof by the thief's key of another kind", "RFC 9449 §4.3",
               lambda t: t.with_proof(t.ed.proof(t.token, "GET", URL))),
        Misuse("the victim's key, signed by the thief's", "RFC 9449 §4.3",
               lambda t: t.with_proof(t.victim.proof(t.token, "GET", URL, sign=t.own.key.sign))),
        Misuse("the thief's key under the victim's thumbprint as kid", "RFC 9449 §4.2",
               lambda t: t.with_proof(t.own.proof(t.token, "GET", URL, header={"kid": t.victim.thumbprint}))),
        Misuse("the victim's thumbprint as jwk", "RFC 9449 §4.2", lambda t: t.heads(jwk={"jkt": t.victim.thumbprint})),
        Misuse("a key to be fetched", "RFC 8725 §3.10",
               lambda t: t.heads(jwk=ABSENT, jku="https://mallory.example/jwks.json", kid="x")),
        Misuse("a certificate", "RFC 8725 §3.10", lambda t: t.heads(jwk=ABSENT, x5c=["MIIB"])),
        Misuse("the issuer's own key", "RFC 9449 §4.3", lambda t: t.heads(jwk=t.issuer.signer.jwk())),
        Misuse("the thief's token with the victim's proof", "RFC 9449 §4.3",
               lambda t: t.with_proof(t.victim.proof(t.token, "GET", URL), t.mine)),
        Misuse("the victim's token with the thief's own genuine pair", "RFC 9449 §4.3",
               lambda t: t.with_proof(t.own.proof(t.mine, "GET", URL), t.token)),
        *(Misuse(f"a private jwk ({name})", "RFC 9449 §4.3", lambda t, name=name: t.jwk(**{name: b64(b"\1" * 32)}))
          for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k")),
        Misuse("a symmetric jwk and HS256", "RFC 9449 §4.3",
               lambda t: t.heads(alg="HS256", jwk={"kty": "oct", "k": b64(b"\2" * 32)})),
        Misuse("a public jwk taken for a secret", "RFC 8725 §2.1", lambda t: t.heads(alg="HS256")),
        Misuse("a point that is not on the curve", "RFC 8725 §3.4", lambda t: t.jwk(y=t.victim.jwk["x"])),
        Misuse("a coordinate of zeros", "RFC 8725 §3.4", lambda t: t.jwk(x=b64(bytes(32)), y=b64(bytes(32)))),
        Misuse("padding in a coordinate", "RFC 7515 §2", lambda t: t.jwk(x=t.victim.jwk["x"] + "=")),
        Misuse("another curve of the same size", "RFC 8725 §3.1", lambda t: t.jwk(crv="secp256k1")),
    ]  # fmt: skip


def _headers() -> list[Misuse]:
    return [
        *(Misuse(f"typ {typ!r}", "RFC 9449 §4.3", lambda t, typ=typ: t.heads(typ=typ))
          for typ in (ABSENT, "JWT", "at+jwt", "dpop+jwt\0", "", None, 1)),
        *(Misuse(f"alg {alg!r}", "RFC 9449 §4.3", lambda t, alg=alg: t.heads(alg=alg))
          for alg in (ABSENT, "none", "nOnE", "ES384", "EdDSA", "RS256", "ES256K", "", None, ["ES256"])),
        *(Misuse(f"header member {name}", "RFC 7515 §4.1.11", lambda t, said={name: value}: t.heads(**said))
          for name, value in (("crit", ["b64"]), ("b64", False), ("zip", "DEF"), ("enc", "A256GCM"), ("cty", "JWT"))),
        Misuse("a header member twice", "RFC 8725 §2.4",
               lambda t: t.raw(header=as_json({"alg": "ES256", "jwk": t.victim.jwk})[:-1]
                               + b',"typ":"JWT","typ":"dpop+jwt"}')),
        Misuse("a claim twice", "RFC 8725 §2.4",
               lambda t: t.raw(claims=json.dumps({"jti": "2", "htm": "GET", "iat": t.now}).encode()[:-1]
                               + b',"htu":"http://x/","htu":"' + URL.encode() + b'"}')),
    ]  # fmt: skip


def _claims() -> list[Misuse]:
    urls = (
        *("", PATH, "http://taskward.test", f"{URL}/", f"{URL}/x", "http://taskward.test/api/victim/tasks/counts"),
        *("https://taskward.test/api/me/tasks/counts", "http://taskward.test:8000/api/me/tasks/counts"),
        *("http://other.test/api/me/tasks/counts", "http://taskward.test@other.test/api/me/tasks/counts"),
        *("http://taskward.test.other.test/api/me/tasks/counts", "http://taskward.test/api/me/tasks%2Fcounts"),
        *("http://taskward.test/api/me/tasks/counts%00", "http://taskward.test\\api\\me\\tasks\\counts"),
        *(
            "javascript:alert(1)",
            "http://taskward.test/api/me/tasks/Counts",
            "http://taskward.test//api/me/tasks/counts",
        ),
    )
    return [
        *(Misuse(f"htm {htm!r}", "RFC 9449 §4.3", lambda t, htm=htm: t.says(htm=htm))
          for htm in (ABSENT, "POST", "get", "HEAD", "", None, ["GET"], "GET\n")),
        *(Misuse(f"htu {htu!r}", "RFC 9449 §4.3", lambda t, htu=htu: t.says(htu=htu))
          for htu in (ABSENT, None, 1, *urls)),
        *(Misuse(f"iat {by:+}", "RFC 9449 §4.3", lambda t, by=by: t.says(iat=t.now + by))
          for by in (-61, -3600, 61, 86_400)),
        *(Misuse(f"iat {iat!r}", "RFC 9449 §4.3", lambda t, iat=iat: t.says(iat=iat))
          for iat in (ABSENT, None, True, "now")),
        *(Misuse(f"jti {jti!r:.12}", "RFC 9449 §4.3", lambda t, jti=jti: t.says(jti=jti))
          for jti in (ABSENT, None, "", 1, "x" * 257, "a\0b")),
        *(Misuse(f"ath {ath!r:.12}", "RFC 9449 §4.3", lambda t, ath=ath: t.says(ath=ath))
          for ath in (ABSENT, None, "", "x", b64(hashlib.sha256(b"").digest()))),
        Misuse("ath of the token's text with its scheme", "RFC 9449 §4.2",
               lambda t: t.says(ath=b64(hashlib.sha256(f"DPoP {t.token}".encode()).digest()))),
        Misuse("expired by its own exp", "RFC 7519 §4.1.4", lambda t: t.says(exp=t.now - 120)),
    ]  # fmt: skip


def _shapes() -> list[Misuse]:
    changes: dict[str, Callable[[str], str]] = {
        "no signature": lambda proof: proof.rpartition(".")[0] + ".",
        "an empty signature of the right length": lambda proof: proof.rpartition(".")[0] + "." + b64(bytes(64)),
        "its signature cut by a byte": lambda proof: proof[:-2],
        "two segments": lambda proof: proof.rpartition(".")[0],
        "five segments": lambda proof: f"{proof}.a.b",
        "stray bits in its last character": lambda proof: proof[:-1] + ("B" if proof[-1] == "A" else "A"),
        "padding": lambda proof: f"{proof}=",
        "40 KiB": lambda proof: proof.replace(".", "." + "A" * 40_000, 1),
        "its scheme before it": lambda proof: f"DPoP {proof}",
    }
    return [Misuse(f"a proof with {name}", "RFC 7515 §7.1", lambda t, c=c: t.cut(c)) for name, c in changes.items()]


def _combinations() -> list[Misuse]:
    """Several things wrong at once: none of them makes up for another."""
    faults: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "no typ": ({"typ": ABSENT}, {}),
        "alg none": ({"alg": "none"}, {}),
        "no jwk": ({"jwk": ABSENT}, {}),
        "another method": ({}, {"htm": "POST"}),
        "another URL": ({}, {"htu": "http://other.test/"}),
        "an hour old": ({}, {"iat": 1}),
        "no jti": ({}, {"jti": ABSENT}),
        "no ath": ({}, {"ath": ABSENT}),
    }

    def forge(thief: Thief, names: tuple[str, ...], by_thief: bool) -> Headers:
        header: dict[str, Any] = {}
        claims: dict[str, Any] = {}
        for name in names:
            header |= faults[name][0]
            claims |= faults[name][1]
        holder = thief.own if by_thief else thief.victim
        return thief.with_proof(holder.proof(thief.token, "GET", URL, header=header, **claims))

    return [
        Misuse(f"{' and '.join(names)}, by {'the thief' if by_thief else 'the victim'}", "RFC 9449 §4.3",
               lambda t, names=names, by_thief=by_thief: forge(t, names, by_thief))
        for names in itertools.combinations(faults, 2) for by_thief in (False, True)
    ]  # fmt: skip


MISUSES = [*_schemes(), *_keys(), *_headers(), *_claims(), *_shapes(), *_combinations()]
