"""OpenTelemetry traces: a span for each request, token verification, statement and fetch of keys.

Imported only when OTEL_EXPORTER_OTLP_ENDPOINT is set. No span holds a token, a path with ids, a title, an e-mail
address or the values of a statement. Exceptions are not recorded, because their texts may hold these.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, get_current_span, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, WrappedLogger

from taskward.operating.envelope import route_of
from taskward.operating.log import LoggedEvents
from taskward.operating.metrics import Metrics
from tokenward import Authenticator, Identity, InvalidToken

_OUTCOME = "taskward.outcome"
_EXPORT_SECONDS = 3
_W3C = TraceContextTextMapPropagator()


class Traces:
    """Makes spans and sends them to ``endpoint`` (OTLP over HTTP) from a thread of its own."""

    def __init__(self, endpoint: str) -> None:
        resource = Resource.create()  # with OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: "taskward"}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self.tracer = self._provider.get_tracer("taskward")

    async def close(self) -> None:
        """Send the remaining spans, for 3 s at most, so that an absent collector does not delay shutdown."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, _EXPORT_SECONDS)

    def events(self, metrics: Metrics, request_id: Any) -> "TracedEvents":
        events = TracedEvents(metrics, request_id)
        events.traces = self
        return events

    def authenticator(self, *arguments: Any, **options: Any) -> "TracedAuthenticator":
        authenticator = TracedAuthenticator(*arguments, **options)
        authenticator.traces = self
        return authenticator

    def request(self, app: ASGIApp) -> ASGIApp:
        """``app`` with a span for each HTTP request, which joins the trace of the caller's ``traceparent``."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            carrier = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in scope["headers"]
                if name in (b"traceparent", b"tracestate")
            }
            status = 0

            async def send_and_look(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            span = self.tracer.start_span(scope["method"], context=_W3C.extract(carrier), kind=SpanKind.SERVER)
            try:
                with use_span(span, record_exception=False, set_status_on_exception=False):
                    await app(scope, receive, send_and_look)
            finally:
                route = route_of(scope)
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.request.method", scope["method"])
                span.set_attribute("http.route", route)
                span.set_attribute("http.response.status_code", status)
                span.set_attribute("taskward.request_id", scope.get("request_id", ""))
                if status >= 500:
                    span.set_status(StatusCode.ERROR)
                span.end()

        return traced

    def watched(self, connect: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
        """``connect``, whose connections make a span for each statement."""

        async def connect_and_watch() -> Any:
            connection = await connect()
            connection.add_query_logger(self._ran)
            return connection

        return connect_and_watch

    def _ran(self, query: Any) -> None:
        """Called by asyncpg after each statement. Only the first word of its SQL is recorded."""
        operation = query.query.split(None, 1)[0].upper()
        ended = time.time_ns()
        span = self.tracer.start_span(
            operation,
            kind=SpanKind.CLIENT,
            start_time=ended - int(query.elapsed * 1e9),
            attributes={"db.system.name": "postgresql", "db.operation.name": operation},
        )
        if query.exception is not None:
            span.set_attribute("error.type", type(query.exception).__name__)
            span.set_status(StatusCode.ERROR)
        span.end(ended)


class TracedAuthenticator(Authenticator):
    """An Authenticator with a span for each token. TracedEvents sets the span's outcome."""

    traces: Traces

    async def authenticate(self, headers: Iterable[tuple[bytes, bytes]], *rest: Any, **more: Any) -> Identity:
        with self.traces.tracer.start_as_current_span(
            "verify token", record_exception=False, set_status_on_exception=False
        ):
            return await super().authenticate(headers, *rest, **more)


class TracedEvents(LoggedEvents):
    """The events of authentication, written to the current span as well as to log and metrics."""

    traces: Traces

    def accepted(self, *, cached: bool) -> None:
        get_current_span().set_attribute(_OUTCOME, "cached" if cached else "verified")
        super().accepted(cached=cached)

    def missing(self) -> None:
        get_current_span().set_attribute(_OUTCOME, "missing")
        super().missing()

    def unavailable(self, *, reason: str) -> None:
        get_current_span().set_attribute(_OUTCOME, "keys_unavailable")
        super().unavailable(reason=reason)

    def out_of_step(self, lag: float) -> None:
        get_current_span().set_attribute(_OUTCOME, "revocations_unavailable")
        super().out_of_step(lag)

    def unproved(self, *, reason: str) -> None:
        get_current_span().set_attribute(_OUTCOME, "proofs_unavailable")
        super().unproved(reason=reason)

    def refused(self, refusal: InvalidToken, *, address: str | None, throttled: bool) -> None:
        get_current_span().set_attribute(_OUTCOME, str(refusal.reason))
        super().refused(refusal, address=address, throttled=throttled)

    def fetched(self, *, outcome: str, detail: str, seconds: float, keys: int) -> None:
        ended = time.time_ns()
        span = self.traces.tracer.start_span(
            "fetch key set",
            kind=SpanKind.CLIENT,
            start_time=ended - int(seconds * 1e9),
            attributes={_OUTCOME: outcome},
        )
        if outcome == "failed":
            span.set_status(StatusCode.ERROR)
        span.end(ended)
        super().fetched(outcome=outcome, detail=detail, seconds=seconds, keys=keys)


def add_trace_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A structlog processor that adds ``trace_id`` to lines written inside a span."""
    context = get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
    return event
