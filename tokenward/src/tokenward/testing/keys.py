"""Signing keys for tests, and tokens made from any bytes with a genuine signature.

Signatures are made with `cryptography`, not with the library that verifies them.
"""

from __future__ import annotations

import base64
import functools
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"  # in the names of tests, which are the same in every process


ABSENT: Final = _Absent()
"""As the value of a claim or header member: the member is left out."""

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
    """A private key of the issuer, for one algorithm."""

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
        """The public key as Better Auth publishes it: alg, crv, x, kty and kid, without `use`."""
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
        """The public key as a PEM file, which an attacker would use as an HMAC secret."""
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
    """Key `number` for `alg`, made once per test run, because RSA keys are slow to make."""
    return SigningKey.new(alg)


def compact(header: Mapping[str, Any] | bytes, payload: Any, sign: Callable[[bytes], bytes]) -> str:
    """A compact JWS (RFC 7515, section 7.1). Either part may be given as bytes."""
    parts = [part if isinstance(part, bytes) else as_json(part) for part in (header, payload)]
    signed = f"{b64(parts[0])}.{b64(parts[1])}"
    return f"{signed}.{b64(sign(signed.encode()))}"
