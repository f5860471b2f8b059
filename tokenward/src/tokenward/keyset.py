"""Parsing of a JWKS document into keys that may verify tokens (RFC 7517)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import base64_to_int

from tokenward import ed25519

MAX_KEYS = 100

#: The algorithms that a service may allow (RFC 7518 §3.1, RFC 8037, RFC 9864). HS256 is excluded: an HMAC key must
#: never come from a public document.
ALGORITHMS = frozenset(
    {"EdDSA", "Ed25519", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}
)

_ED25519 = frozenset({"EdDSA", "Ed25519"})  # RFC 9864 §2.2: two names for one algorithm
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_MATERIAL = ("kty", "crv", "x", "y", "n", "e")
PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


class UnusableKey(ValueError):
    """One key of a set cannot be used. The other keys can (RFC 7517 §5)."""


class UnusableKeySet(ValueError):
    """The document is not a key set, or holds no key that may be used."""


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """A public key bound to one algorithm; ``algorithms`` holds that algorithm's names."""

    kid: str
    algorithms: frozenset[str]
    jwk: Mapping[str, Any]
    _native: "_Fit"
    _algorithm: Any  # one of joserfc's JWS algorithms, whose type it does not export

    def same_as(self, other: "Key") -> bool:
        """Whether the other key has the same public key and algorithm. Other members do not matter."""
        return self.algorithms == other.algorithms and all(
            self.jwk.get(member) == other.jwk.get(member) for member in _MATERIAL
        )

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether this key made the signature over these bytes. Never raises."""
        try:
            return bool(self._algorithm.verify(signing_input, signature, self._native))
        except Exception:  # any error of a library on hostile bytes: the signature is wrong
            return False


class _Fit:
    """A key for joserfc's algorithms. It is checked once, not again for each signature."""

    __slots__ = ("_public", "curve_key_size")

    def __init__(self, native: OKPKey | RSAKey | ECKey) -> None:
        self._public = native.get_op_key("verify")
        self.curve_key_size = native.curve_key_size if isinstance(native, ECKey) else 0

    def get_op_key(self, _operation: str) -> Any:
        return self._public


class KeySet:
    """Keys by ``kid``, and those that were left out with the reason."""

    def __init__(self, keys: Mapping[str, Key], refused: Mapping[str, str]) -> None:
        self._keys = dict(keys)
        self.refused = dict(refused)

    def get(self, kid: str) -> Key | None:
        return self._keys.get(kid)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def parse(cls, document: bytes, previous: "KeySet | None" = None) -> "KeySet":
        """Read a JWKS document.

        An unchanged key of ``previous`` stays the same object, so that caches can compare keys by identity. Raises
        UnusableKeySet.
        """
        try:
            body = json.loads(document, parse_int=_integer)
        except (ValueError, RecursionError) as error:
            raise UnusableKeySet("not JSON") from error
        entries = body.get("keys") if isinstance(body, dict) else None
        if not isinstance(entries, list):
            raise UnusableKeySet('no "keys" array')
        if len(entries) > MAX_KEYS:
            raise UnusableKeySet(f"more than {MAX_KEYS} keys")
        keys: dict[str, Key] = {}
        refused: dict[str, str] = {}
        ambiguous: set[str] = set()
        for number, entry in enumerate(entries):
            kid = entry.get("kid") if isinstance(entry, dict) else None
            name = kid if isinstance(kid, str) else f"\0{number}"  # no usable kid begins with NUL
            try:
                key = read_key(entry)
            except UnusableKey as error:
                # An unusable key does not make a usable key of the same kid ambiguous.
                refused.setdefault(name, str(error))
                continue
            if name in ambiguous:
                continue
            if name in keys:
                if not keys[name].same_as(key):
                    del keys[name]  # two different usable keys of one kid: ambiguous
                    ambiguous.add(name)
                continue
            known = previous.get(name) if previous else None
            keys[name] = known if known is not None and known.jwk == key.jwk else key
        refused = {name: why for name, why in refused.items() if name not in keys}
        refused.update(dict.fromkeys(ambiguous, "its kid appears twice, with two different keys"))
        if not keys:
            raise UnusableKeySet("no usable key: " + ("; ".join(refused.values()) or "the set is empty")[:200])
        return cls(keys, refused)


def is_kid(value: object) -> bool:
    """Whether a value is an accepted key ID: a string of 1 to 256 printable characters."""
    return isinstance(value, str) and 1 <= len(value) <= 256 and value.isprintable()


def read_key(jwk: object) -> Key:
    """One JWK as a key that may verify. Raises UnusableKey with the reason."""
    if not isinstance(jwk, dict):
        raise UnusableKey("not a JSON object")
    if not is_kid(jwk.get("kid")):
        raise UnusableKey("no usable kid")
    if jwk.get("kty") == "oct":
        raise UnusableKey("a symmetric key in a public document")
    if any(member in jwk for member in PRIVATE_MEMBERS):
        raise UnusableKey("a private key in a public document")
    if jwk.get("use", "sig") != "sig":
        raise UnusableKey("its use is not sig")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise UnusableKey("its key_ops does not hold verify")
    algorithms = _bound_algorithms(jwk)
    try:
        native = _Fit(_import(jwk))
    except UnusableKey:
        raise
    except Exception as error:  # any error of a library on hostile members: this key is unusable
        raise UnusableKey("its key material cannot be read") from error
    # joserfc warns about the name "EdDSA"; Ed25519 is the newer name of the same algorithm (RFC 9864).
    algorithm = JWSRegistry.algorithms[min(algorithms)]
    return Key(jwk["kid"], algorithms, jwk, native, algorithm)


def _bound_algorithms(jwk: dict[str, Any]) -> frozenset[str]:
    """The one algorithm a key is for (RFC 8725 §3.1): its ``alg``, or what its type implies."""
    kty, crv, alg = jwk.get("kty"), jwk.get("crv"), jwk.get("alg")
    if kty == "OKP" and crv == "Ed25519":
        implied, allowed = "Ed25519", _ED25519
    elif kty == "EC" and isinstance(crv, str) and crv in _CURVES:
        implied, allowed = _CURVES[crv], frozenset({_CURVES[crv]})
    elif kty == "RSA":
        implied, allowed = "RS256", _RSA
    else:
        raise UnusableKey("a key type or curve this service does not verify with")
    if alg is None:
        alg = implied
    if not isinstance(alg, str) or alg not in allowed:
        raise UnusableKey("its alg does not fit its key type")
    return _ED25519 if alg in _ED25519 else frozenset({alg})


def _import(jwk: dict[str, Any]) -> OKPKey | RSAKey | ECKey:
    # joserfc gets only the members that make the key. The others were checked above.
    if jwk["kty"] == "OKP":
        native = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": jwk["x"]})
        ed25519.check_public_key(native.public_key.public_bytes_raw())
        return native
    if jwk["kty"] == "EC":
        return ECKey.import_key({"kty": "EC", "crv": jwk["crv"], "x": jwk["x"], "y": jwk["y"]})
    modulus, exponent = base64_to_int(jwk["n"]), base64_to_int(jwk["e"])
    if not 2048 <= modulus.bit_length() <= 8192 or modulus % 2 == 0:
        raise UnusableKey("an RSA key outside 2048 to 8192 bits, or no modulus at all")
    if exponent < 3 or exponent % 2 == 0:
        raise UnusableKey("an RSA exponent that is even or under 3")
    return RSAKey.import_key({"kty": "RSA", "n": jwk["n"], "e": jwk["e"]})


def _integer(digits: str) -> int:
    """A number in the document. No number is used, so one that is too long to parse does not spoil the set."""
    return int(digits) if len(digits) < 32 else 0
