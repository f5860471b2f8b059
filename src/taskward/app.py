"""The composition root: create_app(settings) builds every part of the service."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx
import structlog
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp

from taskward.api import docs, metadata, openapi
from taskward.api.cors import with_cors
from taskward.api.openapi import Resource
from taskward.api.owner import OwnerGate
from taskward.api.routing import PrivateMount, match_to_the_end
from taskward.authentication import http_client, key_source, proofs, revocations_of, secret_of, token_verifier
from taskward.database.aside import connector
from taskward.database.engine import Database
from taskward.database.schema import REVISION
from taskward.operating import health, log
from taskward.operating.envelope import Envelope, request_id_var
from taskward.operating.forwarded import Forwarded
from taskward.operating.metrics import Metrics
from taskward.operating.refusals import Refusals
from taskward.problems import HANDLERS, DatabaseUnavailable, on_problem
from taskward.server.refusal import RENDERER
from taskward.settings import Settings, load_settings
from taskward.tasks.changes import Changes
from taskward.tasks.events import EVENTS, Streams
from taskward.tasks.repository import Tasks
from taskward.tasks.routes import TASKS
from tokenward import Authenticator, Clock, FailureThrottle, Identity, JwksSource, TokenCache
from tokenward.revocation import MemoryRevocations
from tokenward.revocation.listener import Listener
from tokenward.source import KeySource
from tokenward.starlette import BearerBackend

if TYPE_CHECKING:
    from taskward.operating.traces import Traces

GAUGE_SECONDS = 5.0

#: The resources of the API. To add a resource, add an entry.
RESOURCES: tuple[Resource, ...] = (TASKS, EVENTS)


def from_environment() -> ASGIApp:
    """The application factory that uvicorn calls in each worker. Raises BadSettings."""
    settings = load_settings()
    log.configure(settings.log_level, settings.log_format, traced=settings.otel_exporter_otlp_endpoint is not None)
    return create_app(settings, metrics=Metrics())


def create_app(
    settings: Settings,
    *,
    http: httpx.AsyncClient | None = None,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
) -> ASGIApp:
    """The service as one ASGI application, lifespan included.

    ``http`` fetches the key set and is closed at shutdown. ``clock`` tells the time.
    """
    clock = clock or Clock()
    metrics = metrics or Metrics(CollectorRegistry())
    tracing = _traces(settings)
    events = (tracing.events if tracing else log.LoggedEvents)(metrics, request_id_var)
    http = http or http_client(settings)
    source = key_source(settings, http, clock, events)
    database_url = settings.database_url.get_secret_value()
    db = Database(
        database_url,
        pool_size=settings.database_pool_size,
        timeout=settings.database_timeout,
        idle=settings.database_idle,
        watch=tracing.watched if tracing else None,
    )
    listener = Listener(connector(database_url))
    verifier = token_verifier(settings)
    revocations = revocations_of(settings, listener, source, verifier, clock)
    dpop = proofs(settings, db, clock)
    authenticator = (tracing.authenticator if tracing else Authenticator)(
        source,
        verifier,
        cache=TokenCache(settings.token_cache_size),
        throttle=FailureThrottle(settings.auth_failures, secret_of(settings.rate_limit_storage_url), clock=clock),
        events=events,
        clock=clock,
        revocations=revocations,
        dpop=dpop,
    )

    changes = Changes(listener, lambda owner: Tasks(db.of(owner)).version())
    if revocations is not None:
        revocations.observers.append(changes.wake)

    def holds(identity: Identity) -> bool:
        return revocations is None or (revocations.lag <= revocations.max_lag and not revocations.is_revoked(identity))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        await db.open()
        await listener.start()
        await changes.start()
        await authenticator.start()
        gauges = asyncio.create_task(_set_gauges(metrics, source, db, revocations, changes))
        try:
            yield {"changes": changes, RENDERER: Refusals(metrics)}
        finally:
            gauges.cancel()
            await changes.stop()
            await listener.close()
            await authenticator.close()
            await http.aclose()
            await db.close()
            events.sum_up(now=True)
            if tracing:
                await tracing.close()

    private = [route for resource in RESOURCES for route in resource.routes]
    gate = OwnerGate(Router(private, redirect_slashes=False), db, Streams(changes, holds, clock))
    api = AuthenticationMiddleware(gate, BearerBackend(authenticator))
    app = Starlette(
        routes=[
            PrivateMount("/api", api),  # every path below /api needs a token
            *health.routes(health.Readiness(db, source, REVISION, revocations=revocations)),
            *openapi.routes(RESOURCES, settings.public_url, settings.dpop),
            *docs.routes(),
            *metadata.routes(settings.jwt_issuer, settings.public_url, dpop.metadata() if dpop else {}),
        ],
        exception_handlers={**HANDLERS, DatabaseUnavailable: _on_database_unavailable},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.public_url = settings.public_url or ""
    match_to_the_end((*private, *app.routes))
    wrapped: ASGIApp = with_cors(app, settings.cors_origins, settings.cors_headers)
    if settings.trusted_proxies:
        wrapped = Forwarded(wrapped, settings.trusted_proxies)
    enveloped = Envelope(wrapped, metrics)
    return tracing.request(enveloped) if tracing else enveloped


def _traces(settings: Settings) -> "Traces | None":
    if settings.otel_exporter_otlp_endpoint is None:
        return None
    from taskward.operating.traces import Traces  # needs the extra "otel"

    return Traces(settings.otel_exporter_otlp_endpoint)


async def _on_database_unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, DatabaseUnavailable)  # noqa: S101 - registered for this class only
    structlog.get_logger("taskward.database").error(
        "database unavailable", reason=error.reason, request_id=request.scope.get("request_id")
    )
    return await on_problem(request, error)


async def _set_gauges(
    metrics: Metrics, source: KeySource, db: Database, revocations: MemoryRevocations | None, changes: Changes
) -> None:
    while True:
        age = source.age if isinstance(source, JwksSource) else None
        metrics.state(age, *db.usage())
        metrics.streaming(changes.streams)
        if revocations is not None:
            metrics.revocations(revocations.lag, len(revocations))
        await asyncio.sleep(GAUGE_SECONDS)
