"""The checks of a proof against one request and one token (RFC 9449 §4.3), except whether it was used before.

They need no I/O and no clock.
"""

import base64
import hashlib
import hmac
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache
from joserfc import jwk as jose

from tokenward.dpop.nonces import Nonces
from tokenward.dpop.target import Target
from tokenward.errors import InvalidProof, InvalidToken, Reason
from tokenward.jws import Jws, header_of, parse
from tokenward.keyset import PRIVATE_MEMBERS, Key, UnusableKey, is_kid, read_key
from tokenward.strict import b64url
from tokenward.verifier import REFUSED_MEMBERS, is_date

TYPE = "dpop+jwt"
KEYS_KEPT = 4096
MAX_KEPT = 2048
"""The longest header that is remembered, in characters: that of an RSA key of 8192 bits fits."""
_ED25519 = frozenset({"EdDSA", "Ed25519"})
#: What a thumbprint is made of, and the bytes of each member where their number is fixed (RFC 7638 §3.2, RFC 7518 §6).
_MEMBERS: dict[tuple[object, object], tuple[tuple[str, ...], int | None]] = {
    ("EC", "P-256"): (("x", "y"), 32),
    ("EC", "P-384"): (("x", "y"), 48),
    ("EC", "P-521"): (("x", "y"), 66),
    ("OKP", "Ed25519"): (("x",), 32),
    ("RSA", None): (("e", "n"), None),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """A good proof. ``key`` identifies it: 16 bytes, made from its ``jti`` and the key that signed it."""

    key: bytes
    issued_at: float


class ProofVerifier:
    """Verifies proofs. ``window`` is seconds that its ``iat`` may lie before or after this moment."""

    def __init__(self, algorithms: Collection[str], *, window: float = 60, nonces: Nonces | None = None) -> None:
        names = frozenset(algorithms)
        self.algorithms = names | _ED25519 if names & _ED25519 else names  # two names for one algorithm (RFC 9864)
        self.window = window
        self.nonces = nonces
        #: By header segment, which all proofs of one client share: reading a key costs more than verifying a signature.
        self._keys: LRUCache[str, tuple[Mapping[str, Any], Key, str]] = LRUCache(KEYS_KEPT)
        self._lock = threading.Lock()

    def verify(self, text: str, token: str, jkt: str, target: Target, now: float) -> Proof:
        """The proof, for this access token, bound to the key ``jkt`` names. Raises InvalidProof."""
        segment = text.partition(".")[0]
        with self._lock:
            known = self._keys.get(segment)
        try:
            jws = parse(text, header_of if known is None else lambda _: known[0])
        except InvalidToken as refusal:
            raise InvalidProof(Reason.PROOF, f"the proof: {refusal.detail}") from None
        if known is None:
            self._check_header(jws.header)
        self._check_claims(jws.claims, token, target)
        thumbprint = known[2] if known is not None else _thumbprint(jws.header["jwk"])
        if not hmac.compare_digest(thumbprint, jkt):
            raise InvalidProof(Reason.PROOF_KEY, "made with another key than the token is bound to")
        key = known[1] if known is not None else _read(jws.header)
        if not key.verifies(jws.signing_input, jws.signature):
            raise InvalidProof(Reason.PROOF, "its signature is wrong")
        self._check_time(jws, now)
        if known is None and len(segment) <= MAX_KEPT:
            with self._lock:
                self._keys[segment] = (jws.header, key, thumbprint)
        name = hashlib.sha256(f"{thumbprint} {jws.claims['jti']}".encode()).digest()[:16]
        return Proof(name, jws.claims["iat"])

    def forked(self) -> None:
        """A new lock for a forked child."""
        self._lock = threading.Lock()

    def _check_header(self, header: Mapping[str, Any]) -> None:
        """§4.3 items 4, 5 and 7. Only ``jwk`` may name the key."""
        typ, alg, jwk = header.get("typ"), header.get("alg"), header.get("jwk")
        if not isinstance(typ, str) or typ.lower().removeprefix("application/") != TYPE:
            raise InvalidProof(Reason.PROOF, f"its typ is not {TYPE}")
        if not isinstance(alg, str) or alg not in self.algorithms:
            raise InvalidProof(Reason.PROOF, "its alg is not allowed")
        for member in REFUSED_MEMBERS:
            if member in header:
                raise InvalidProof(Reason.PROOF, f"its header has {member}")
        if not isinstance(jwk, dict):
            raise InvalidProof(Reason.PROOF, "its jwk is missing or no JSON object")
        if jwk.get("kty") == "oct" or any(member in jwk for member in PRIVATE_MEMBERS):
            raise InvalidProof(Reason.PROOF, "its jwk is a symmetric or a private key")

    def _check_claims(self, claims: Mapping[str, Any], token: str, target: Target) -> None:
        """§4.3 items 3, 8, 9 and 12."""
        jti, htm, htu, ath = claims.get("jti"), claims.get("htm"), claims.get("htu"), claims.get("ath")
        if not is_kid(jti):
            raise InvalidProof(Reason.PROOF, "its jti is missing or not 1-256 printable characters")
        if htm != target.method or not isinstance(htm, str):
            raise InvalidProof(Reason.PROOF_URL, "made for another method")
        if not isinstance(htu, str) or not target.is_named_by(htu):
            raise InvalidProof(Reason.PROOF_URL, f"made for another URL than {target.origin}{target.path[:200]}")
        if not isinstance(ath, str) or not hmac.compare_digest(ath.encode("utf-8", "surrogatepass"), _ath(token)):
            raise InvalidProof(Reason.PROOF, "made for another token")
        if not is_date(claims.get("iat")):
            raise InvalidProof(Reason.PROOF, "its iat is missing or not a number")
        for name in ("exp", "nbf"):
            if name in claims and not is_date(claims[name]):
                raise InvalidProof(Reason.PROOF, f"its {name} is not a number")

    def _check_time(self, jws: Jws, now: float) -> None:
        """§4.3 items 10 and 11. Checked last, because a wrong clock is no attack."""
        claims = jws.claims
        off = now - claims["iat"]
        late = now - claims.get("exp", now)
        early = claims.get("nbf", now) - now
        refusal = None
        if max(abs(off), late, early) > self.window:
            refusal = InvalidProof(Reason.PROOF_STALE, f"made {abs(off):.0f} seconds {'ago' if off > 0 else 'ahead'}")
        elif self.nonces is not None and not self.nonces.holds(claims.get("nonce"), now):
            refusal = InvalidProof(Reason.PROOF_NONCE, "without a current nonce", nonce=self.nonces.issue(now))
        if refusal is not None:
            refusal.genuine = True
            raise refusal


def _ath(token: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode("ascii")).digest()).rstrip(b"=")


def _thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638. Each member has one valid spelling, so that a key has one thumbprint. Raises InvalidProof."""
    kind = (jwk.get("kty"), None if jwk.get("kty") == "RSA" else jwk.get("crv"))
    try:
        members, size = _MEMBERS[kind]
        for member in members:
            raw = b64url(jwk[member])
            if (len(raw) != size) if size else (not raw or raw[0] == 0):
                raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InvalidProof(Reason.PROOF, "its jwk is no public key of a supported kind") from None
    named = {"kty": kind[0], "crv": kind[1], **{member: jwk[member] for member in members}}
    return jose.thumbprint({name: value for name, value in named.items() if value is not None})


def _read(header: Mapping[str, Any]) -> Key:
    """The key, bound to the one algorithm that the header names. Raises InvalidProof."""
    alg, own = header["alg"], header["jwk"].get("alg")
    try:
        if own not in (None, alg) and not (isinstance(own, str) and {own, alg} == _ED25519):
            raise UnusableKey("its jwk is for another alg")
        return read_key({**header["jwk"], "alg": alg, "kid": "proof"})
    except UnusableKey as error:
        raise InvalidProof(Reason.PROOF, f"its jwk: {error}") from None
