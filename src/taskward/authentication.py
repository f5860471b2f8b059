"""The parts of authentication, built from the settings: key source, verifier, proofs and revocations."""

from typing import TYPE_CHECKING

import httpx

from taskward import __version__, environment
from taskward.database.engine import Database
from taskward.database.proofs import DatabaseReplays
from taskward.operating.log import LoggedEvents
from taskward.settings import Settings, key_server_is_local
from tokenward import Clock, JwksSource, SecretSource, TokenVerifier
from tokenward.revocation.feed import FeedRevocations
from tokenward.revocation.listener import Listener
from tokenward.revocation.postgres import PostgresRevocations
from tokenward.source import KeySource

if TYPE_CHECKING:
    from tokenward.dpop import Dpop, Replays


def key_source(
    settings: Settings, http: httpx.AsyncClient, clock: Clock, events: LoggedEvents | None = None
) -> KeySource:
    """The source of the keys: the shared secret or the key set. Settings refuses both at once."""
    if settings.jwt_secret is not None:
        return SecretSource(settings.jwt_secret.get_secret_value())
    assert settings.jwks_url is not None  # noqa: S101 - Settings requires one of the two
    return JwksSource(
        settings.jwks_url,
        http,
        ttl=settings.jwks_ttl,
        max_stale=settings.jwks_max_stale,
        user_agent=f"taskward/{__version__}",
        clock=clock,
        events=events,
    )


def revocations_of(
    settings: Settings, listener: Listener, source: KeySource, verifier: TokenVerifier, clock: Clock | None = None
) -> PostgresRevocations | FeedRevocations | None:
    """The reader of revocations that ``REVOCATIONS`` names, or None when it is off."""
    if settings.revocations == "off":
        return None
    lag = settings.revocations_max_lag
    if settings.revocations == "database":
        return PostgresRevocations(listener, max_lag=lag, clock=clock)
    return FeedRevocations(
        settings.revocations.get_secret_value(),
        source,
        verifier,
        max_lag=lag,
        allow_http=settings.jwks_allow_http,
        user_agent=f"taskward/{__version__}",
        clock=clock,
    )


def token_verifier(settings: Settings) -> TokenVerifier:
    return TokenVerifier(
        frozenset(settings.jwt_issuer),
        frozenset(settings.jwt_audience),
        settings.algorithms,
        leeway=settings.jwt_leeway,
        max_lifetime=settings.jwt_max_lifetime,
        kid_required=settings.jwt_secret is None,
        bound=settings.dpop != "off",
    )


def proofs(settings: Settings, db: Database, clock: Clock) -> "Dpop | None":
    """The check of DPoP proofs, or None."""
    if settings.dpop == "off":
        return None
    from tokenward.dpop import Dpop

    return Dpop(
        required=settings.dpop == "require",
        public_url=settings.public_url,
        replays=_replays(settings, db, clock),
    )


def _replays(settings: Settings, db: Database, clock: Clock) -> "Replays":
    """Where used proofs are remembered: the database, the store that counts refused tokens, or this process."""
    if settings.dpop_replays == "database":
        return DatabaseReplays(db)
    if shared := secret_of(settings.rate_limit_storage_url):
        from tokenward.dpop.redis import RedisReplays  # needs the extra "redis"

        return RedisReplays(shared, prefix="taskward:dpop")
    from tokenward.dpop import MemoryReplays

    return MemoryReplays(clock=clock)


def http_client(settings: Settings) -> httpx.AsyncClient:
    """The HTTP client for the key set. It uses a proxy of the environment unless the key server is on this machine."""
    # trust_env=False would also ignore SSL_CERT_FILE. Therefore the certificates are passed in.
    proxied = not key_server_is_local(settings) and bool(environment.proxies_set())
    return httpx.AsyncClient(trust_env=proxied, verify=environment.certificates())


def secret_of(value: object) -> str | None:
    """The value of a secret setting, or None."""
    reveal = getattr(value, "get_secret_value", None)
    return str(reveal()) if reveal is not None else None
