"""DPoP in an authenticator: which tokens need a proof, and whether the request has a good one (RFC 9449 §7)."""

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from tokenward.credentials import scheme_and_token
from tokenward.dpop.nonces import Nonces
from tokenward.dpop.proof import ProofVerifier
from tokenward.dpop.replays import Full, MemoryReplays, Replays
from tokenward.dpop.target import normal_url, target_of
from tokenward.errors import InvalidProof, InvalidToken, MalformedRequest, ProofsUnavailable, Reason
from tokenward.identity import Identity
from tokenward.keyset import ALGORITHMS

MARGIN = 60.0
"""Seconds that a used proof is remembered past its time, for clocks that are set back and replicas that differ."""
PATIENCE = 1.0
"""Seconds that a shared store has to answer."""

_USED = "tokenward.dpop"
_SCHEMES = (b"bearer", b"dpop")
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, repr=False)
class Presented:
    """The credentials of a request: the token, whether its scheme is ``DPoP``, and the values of the DPoP headers."""

    token: str
    bound: bool
    proofs: tuple[bytes, ...]


class Dpop:
    """Tokens that are bound to a key (``cnf.jkt``) are accepted with a proof, made for this request with that key.

    With ``required`` no other tokens are. ``public_url`` is where clients reach the root of this server, a prefix that
    a proxy strips included; ``origin`` pins scheme and host alone. Without both, the request's own URL counts, and
    with it the Host header. ``window`` is seconds that a proof's ``iat`` may lie before or after this moment.
    ``replays`` remembers used proofs, in this process by default. With ``nonces`` each proof must hold one.

    Raises ValueError.
    """

    def __init__(
        self,
        *,
        required: bool = False,
        public_url: str | None = None,
        origin: str | None = None,
        algorithms: Collection[str] = ALGORITHMS,
        window: float = 60,
        replays: Replays | None = None,
        nonces: Nonces | None = None,
    ) -> None:
        if not algorithms or set(algorithms) - ALGORITHMS:
            raise ValueError(f"the algorithms of proofs must be out of {', '.join(sorted(ALGORITHMS))}")
        if not 1 <= window <= 300:
            raise ValueError("the window of proofs must be from 1 to 300 seconds")
        if public_url is not None:
            normal_url(public_url)
        self.required = required
        self.public_url = public_url
        self.origin = None if origin is None else normal_url(origin)[0]
        self.replays: Replays = MemoryReplays() if replays is None else replays  # an empty one is false
        self._verifier = ProofVerifier(algorithms, window=window, nonces=nonces)

    @property
    def algorithms(self) -> list[str]:
        """The accepted values of a proof's ``alg`` (RFC 9449 §5.1). ES256, which every client has, is first."""
        return sorted(self._verifier.algorithms, key=lambda name: (name != "ES256", name))

    def metadata(self) -> dict[str, Any]:
        """The members of protected resource metadata about proofs (RFC 9728 §2)."""
        return {
            "dpop_signing_alg_values_supported": self.algorithms,
            "dpop_bound_access_tokens_required": self.required,
        }

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> Presented:
        """The credentials of a request. Raises MissingToken, MalformedRequest or InvalidToken."""
        found: bytes | None = None
        proofs = []
        for name, value in headers:
            if name == b"authorization":
                if found is not None:
                    raise MalformedRequest
                found = value
            elif name == b"dpop":
                proofs.append(value)
        scheme, token = scheme_and_token(found, _SCHEMES)
        return Presented(token, scheme == b"dpop", tuple(proofs))

    async def check(
        self, presented: Presented, identity: Identity[Any], request: Mapping[str, Any] | None, now: float
    ) -> None:
        """Let a verified token through or raise: InvalidToken, InvalidProof, ProofsUnavailable.

        A proof is used up only when everything else was right.
        """
        claim = self._judge(presented, identity, request, now)
        if claim is None or self._is_used_by(request, claim[0]):
            return
        try:
            if isinstance(self.replays, MemoryReplays):
                first = self.replays.claim(*claim)
            else:
                async with asyncio.timeout(PATIENCE):
                    first = await self.replays.first_use(*claim)
        except Exception as error:  # any error of the store: it is unknown whether the proof is new
            detail = str(error) if isinstance(error, Full) else type(error).__name__  # others may name a URL
            raise ProofsUnavailable(f"the store of used proofs: {detail}") from error
        if not first:
            raise InvalidProof(Reason.PROOF_REPLAYED, "it was used already")
        self._note_use(request, claim[0])

    def holds_at_once(
        self, presented: Presented, identity: Identity[Any], request: Mapping[str, Any] | None, now: float
    ) -> bool:
        """The same for threads. False if it is refused, or if a store would have to be waited for."""
        if not isinstance(self.replays, MemoryReplays) and "cnf" in identity.payload:
            return False
        claim = self._judge(presented, identity, request, now)
        if claim is None or self._is_used_by(request, claim[0]):
            return True
        try:
            first: bool = self.replays.claim(*claim)  # type: ignore[attr-defined]  # in memory, as seen above
        except Full:
            return False
        if first:
            self._note_use(request, claim[0])
        return first

    def _is_used_by(self, request: Mapping[str, Any] | None, key: bytes) -> bool:
        """Whether this request used the proof before: an application may authenticate a request twice."""
        return request is not None and request.get(_USED) == (id(self), key)

    def _note_use(self, request: Mapping[str, Any] | None, key: bytes) -> None:
        if isinstance(request, MutableMapping):
            request[_USED] = (id(self), key)

    def forked(self) -> None:
        """For a forked child: new locks and connections, since the old ones belong to its parent."""
        self._verifier.forked()
        self.replays.forked()

    def _judge(
        self, presented: Presented, identity: Identity[Any], request: Mapping[str, Any] | None, now: float
    ) -> tuple[bytes, float] | None:
        """Key and seconds for the store, or None for a bearer token. Raises InvalidToken and InvalidProof."""
        if "cnf" not in identity.payload:
            if presented.bound or presented.proofs:
                raise InvalidToken(Reason.CONFIRMATION, "a proof came with a token that is bound to no key")
            if self.required:
                refusal = InvalidToken(Reason.CONFIRMATION, "it is bound to no key, and bearer tokens are not accepted")
                refusal.genuine = True  # a client that does not know proofs yet, not an attack
                raise refusal
            return None
        jkt = thumbprint_of(identity.payload["cnf"])
        if not presented.bound:
            raise InvalidToken(Reason.CONFIRMATION, "it is bound to a key and came as a bearer token")
        if len(presented.proofs) != 1:
            raise InvalidProof(Reason.PROOF_MISSING, f"{len(presented.proofs)} DPoP headers")
        if request is None:
            raise InvalidProof(Reason.PROOF_URL, "authenticate() was not given the ASGI scope or the WSGI environ")
        target = target_of(request, self.public_url, self.origin)
        text = presented.proofs[0].decode("latin-1").strip(" \t")
        proof = self._verifier.verify(text, presented.token, jkt, target, now)
        return proof.key, proof.issued_at + self._verifier.window - now + MARGIN


def thumbprint_of(confirmation: object) -> str:
    """RFC 9449 §6.1. Raises InvalidToken for a token that is bound to anything else, or to something else as well."""
    if isinstance(confirmation, Mapping) and confirmation.keys() == {"jkt"}:
        jkt = confirmation["jkt"]
        if isinstance(jkt, str) and _THUMBPRINT.fullmatch(jkt):
            return jkt
    raise InvalidToken(Reason.CONFIRMATION, "its cnf is not one thumbprint of a key (jkt)")
