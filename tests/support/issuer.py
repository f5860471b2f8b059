"""The stand-in for Better Auth; it lives in ``tokenward.testing``."""

from tokenward.testing.issuer import JWKS_PATH, LIFETIME, Answer, Issuer
from tokenward.testing.keys import (
    ABSENT,
    CURVES,
    HASHES,
    PrivateKey,
    SigningKey,
    as_json,
    b64,
    b64_int,
    compact,
    spare_key,
    unb64,
    without_absent,
)

__all__ = [
    "ABSENT",
    "CURVES",
    "HASHES",
    "JWKS_PATH",
    "LIFETIME",
    "Answer",
    "Issuer",
    "PrivateKey",
    "SigningKey",
    "as_json",
    "b64",
    "b64_int",
    "compact",
    "spare_key",
    "unb64",
    "without_absent",
]
