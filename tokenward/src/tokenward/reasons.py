"""The reasons for refusals: a word for logs and metrics, and a phrase for the client."""

from enum import StrEnum


class Reason(StrEnum):
    """The reason for a refusal, as in logs and metrics."""

    SHAPE = "shape"
    HEADER = "header"
    ALGORITHM = "algorithm"
    TYPE = "type"
    KEY_ID = "key_id"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    SUBJECT = "subject"
    CLAIMS = "claims"
    CONFIRMATION = "confirmation"
    LIFETIME = "lifetime"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    PROOF = "proof"
    PROOF_MISSING = "proof_missing"
    PROOF_KEY = "proof_key"
    PROOF_URL = "proof_url"
    PROOF_STALE = "proof_stale"
    PROOF_NONCE = "proof_nonce"
    PROOF_REPLAYED = "proof_replayed"


_MALFORMED = "The access token is malformed"
INVALID = "The access token is invalid"
_PROOF = "The DPoP proof is invalid"
_ELSEWHERE = "The access token was not issued for this service"

#: The ``error_description`` of RFC 6750 §3: fixed phrases, which echo nothing of the token.
PHRASES: dict[Reason, str] = {
    Reason.SHAPE: _MALFORMED,
    Reason.HEADER: _MALFORMED,
    Reason.ISSUER: _ELSEWHERE,
    Reason.AUDIENCE: _ELSEWHERE,
    Reason.NOT_YET_VALID: "The access token is not valid yet",
    Reason.EXPIRED: "The access token expired",
    Reason.REVOKED: "The access token was revoked",
    Reason.PROOF: _PROOF,
    Reason.PROOF_MISSING: "The access token needs exactly one DPoP proof",
    Reason.PROOF_KEY: _PROOF,
    Reason.PROOF_URL: "The DPoP proof was made for another request",
    Reason.PROOF_STALE: "The DPoP proof was not made just now",
    Reason.PROOF_NONCE: "The DPoP proof needs the nonce of this answer",
    Reason.PROOF_REPLAYED: "The DPoP proof was used already",
}
