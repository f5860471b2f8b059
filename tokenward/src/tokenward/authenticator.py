"""The authenticator: from the Authorization header to an Identity, with cache, verifier, keys and throttle."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from tokenward.cache import TokenCache
from tokenward.clock import Clock
from tokenward.credentials import bearer_token
from tokenward.errors import (
    AuthError,
    InvalidToken,
    KeysUnavailable,
    MalformedRequest,
    MissingToken,
    ProofsUnavailable,
    Reason,
    RevocationsUnavailable,
    TooManyFailures,
)
from tokenward.events import AuthEvents, observer_failed, tell
from tokenward.identity import Identity
from tokenward.jws import Jws, parse
from tokenward.revocation.following import Following
from tokenward.revocation.protocol import Revocations
from tokenward.source import KeySource
from tokenward.throttle import FailureThrottle
from tokenward.tracing import span, tracer
from tokenward.verifier import TokenVerifier

if TYPE_CHECKING:
    from tokenward.dpop.guard import Dpop, Presented


class Authenticator:
    """Authenticates requests. Make one for each process; ``start`` and ``close`` start and end the key source.

    ``others`` are further issuers, each with its own keys and verifier. The ``iss`` of a token selects the issuer,
    whose keys must have signed it. With ``dpop``, bound tokens are accepted with their proofs; otherwise refused.
    """

    #: The URL of the protected resource metadata, for challenges (RFC 9728 §5.1), or None.
    metadata_url: str | None = None
    metadata_path: str | None = None
    facade: Any = None  # the blocking facade, made on first use

    def __init__(
        self,
        source: KeySource,
        verifier: TokenVerifier,
        *,
        cache: TokenCache | None = None,
        throttle: FailureThrottle | None = None,
        events: AuthEvents | None = None,
        clock: Clock | None = None,
        revocations: Revocations | None = None,
        others: Sequence[tuple[KeySource, TokenVerifier]] = (),
        dpop: "Dpop | None" = None,
    ) -> None:
        # A verifier may pass bound tokens only if this authenticator checks their proofs.
        trusted = [
            (keys, dataclasses.replace(checks, bound=dpop is not None))
            for keys, checks in ((source, verifier), *others)
        ]
        self.default = trusted[0]
        self._issuers = {issuer: trust for trust in trusted for issuer in trust[1].issuers}
        self.dpop = dpop
        self.sources = [source, *(each for each, _ in others)]
        self._cache = TokenCache() if cache is None else cache  # an empty cache is falsy
        self._events = events or AuthEvents()
        self._clock = clock or Clock()
        self.revocations = revocations
        self._following = Following()
        self._throttle = throttle or FailureThrottle(clock=self._clock)
        if self._throttle.failed is None:
            self._throttle.failed = self._events.uncounted

    async def start(self) -> None:
        for source in self.sources:
            await source.start()
        if self.revocations is not None:
            await self._following.start(self.revocations)

    async def close(self) -> None:
        for source in self.sources:
            await source.close()
        if self.revocations is not None:
            await self._following.close(self.revocations)
        if self.dpop is not None:
            await self.dpop.replays.close()

    async def authenticate(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        address: str | None,
        request: Mapping[str, Any] | None = None,
    ) -> Identity:
        """The caller of a request, from its raw ASGI headers and the client IP. Raises AuthError.

        ``request`` is the ASGI scope or the WSGI environ; only DPoP proofs are checked against it.
        """
        presented = None
        try:
            if self.dpop is None:
                token = bearer_token(headers)
            else:
                presented = self.dpop.read(headers)
                token = presented.token
            identity = self._cache.get(token, self._clock.wall())
            cached = identity is not None
            if identity is None:
                identity = await (self._verify(token) if tracer() is None else self._traced(token))
            if self.revocations is not None:
                try:
                    self._check_revoked(identity, self.revocations)
                except RevocationsUnavailable:
                    await self._following.catch_up(self.revocations)
                    self._check_revoked(identity, self.revocations)
            if self.dpop is not None and presented is not None:
                await self.dpop.check(presented, identity, request, self._clock.wall())
        except InvalidToken as refusal:
            # A genuine token that has expired is no attack. Several tabs that wake up at once must not be throttled.
            retry_after = None if refusal.genuine else await self._throttle.count(address)
            tell(self._events.refused, refusal, address=address, throttled=retry_after is not None)
            if retry_after is not None:
                raise TooManyFailures(retry_after) from refusal
            self.challenge(refusal, presented)
            raise
        except MissingToken as refusal:
            tell(self._events.missing)
            self.challenge(refusal)
            raise
        except MalformedRequest as refusal:
            self.challenge(refusal)
            raise
        except KeysUnavailable as failure:
            tell(self._events.unavailable, reason=str(failure))
            raise
        except RevocationsUnavailable as failure:
            tell(self._events.out_of_step, failure.lag)
            raise
        except ProofsUnavailable as failure:
            tell(self._events.unproved, reason=str(failure))
            raise
        self._tell_accepted(cached)
        return identity

    def _tell_accepted(self, cached: bool) -> None:
        """Report an accepted token to the events; faster than ``tell``, because every good request does it."""
        try:
            self._events.accepted(cached=cached)
        except Exception:
            observer_failed()

    def _check_revoked(self, identity: Identity, revocations: Revocations) -> None:
        """Check revocations, at every request. A revoked token was genuine, so the throttle does not count it."""
        lag = revocations.lag
        if lag > revocations.max_lag:
            raise RevocationsUnavailable(lag)
        if revocations.is_revoked(identity):
            refusal = InvalidToken(Reason.REVOKED, "its session or its subject was revoked")
            refusal.genuine = True
            raise refusal

    async def _verify(self, token: str) -> Identity:
        jws = parse(token)
        source, verifier = self.trust(jws)
        try:
            verifier.check(jws, self._clock.wall())
            key = source.known(jws.kid or "")
            if key is None:
                key = await source.find(jws)
                # Time may have passed while waiting for a key: check expiry again.
                verifier.check_expiry(jws.claims, self._clock.wall())
            identity = verifier.prove(jws, key)
        except InvalidToken as refusal:
            refusal.kid = jws.kid
            refusal.genuine = refusal.reason is Reason.EXPIRED and self._may_be_signed(jws, source)
            raise
        self._cache.put(token, identity, key, source)
        return identity

    async def _traced(self, token: str) -> Identity:
        """The same inside a span, which has the reason of a refusal and nothing of the token."""
        with span("tokenward.verify") as current:
            try:
                return await self._verify(token)
            except AuthError as refusal:
                current.set_attribute("tokenward.refused", str(getattr(refusal, "reason", refusal.code)))
                raise

    def _verify_at_once(self, token: str, now: float) -> Identity | None:
        """The identity, or None if the key is unknown. Raises InvalidToken."""
        jws = parse(token)
        source, verifier = self.trust(jws)
        verifier.check(jws, now)
        key = source.known(jws.kid or "")
        if key is None:
            return None
        identity = verifier.prove(jws, key)
        self._cache.put(token, identity, key, source)
        return identity

    def challenge(self, refusal: AuthError, presented: "Presented | None" = None) -> None:
        """Add to the refusal what its challenge names: metadata URL, schemes and algorithms."""
        refusal.resource_metadata = self.metadata_url
        if self.dpop is not None:
            refusal.algs = " ".join(self.dpop.algorithms)
            refusal.bearer = not self.dpop.required
            if presented is not None and presented.bound:
                refusal.scheme = "DPoP"

    def at_once(
        self, headers: Iterable[tuple[bytes, bytes]], request: Mapping[str, Any] | None = None
    ) -> Identity | None:
        """The caller, if a known key verifies the token without waiting; otherwise None, also for refused tokens.

        For threads without an event loop. After None, ``authenticate`` counts and reports the refusal.
        """
        now = self._clock.wall()
        presented = None
        try:
            if self.dpop is None:
                token = bearer_token(headers)
            else:
                presented = self.dpop.read(headers)
                token = presented.token
            identity = self._cache.get(token, now)
            cached = identity is not None
            if identity is None:
                with nullcontext() if tracer() is None else span("tokenward.verify"):
                    identity = self._verify_at_once(token, now)
                if identity is None:
                    return None
            if self.revocations is not None:
                self._check_revoked(identity, self.revocations)
            if presented is not None and self.dpop is not None:
                held = self.dpop.holds_at_once(presented, identity, request, now)
                identity = identity if held else None
        except AuthError:
            return None
        if identity is not None:
            self._tell_accepted(cached)
        return identity

    def metadata(self) -> dict[str, Any]:
        """The protected resource metadata (RFC 9728 §2), for an authenticator that has a ``metadata_path``."""
        return {}

    def forget(self) -> None:
        """Clear the cache in a forked child. Keys and revocations stay."""
        self._cache.clear()
        if self.dpop is not None:
            self.dpop.forked()

    def trust(self, jws: Jws) -> tuple[KeySource, TokenVerifier]:
        """Key source and verifier of the issuer that the token names; for an unknown one the first, which refuses."""
        if len(self.sources) == 1:
            return self.default
        issuer = jws.claims.get("iss")
        return self._issuers.get(issuer, self.default) if isinstance(issuer, str) else self.default

    def _may_be_signed(self, jws: Jws, source: KeySource) -> bool:
        """Whether a known key signed this token: an expired token of a real session is no attack.

        True before the first key set is fetched.
        """
        key = source.known(jws.kid or "")
        if not source.has_keys:
            return True
        return (
            key is not None and jws.header["alg"] in key.algorithms and key.verifies(jws.signing_input, jws.signature)
        )
