"""Spans for OpenTelemetry, if ``opentelemetry-api`` is installed."""

import contextlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any


@cache
def _api() -> Any:
    """The module ``opentelemetry.trace``, or None."""
    if find_spec("opentelemetry") is None:
        return None
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace


def tracer() -> Any:
    """The tracer of this package, or None while the application has set no provider: a span would go nowhere."""
    api = _api()
    if api is None or isinstance(api.get_tracer_provider(), api.ProxyTracerProvider):
        return None
    return _tracer()


@cache
def _tracer() -> Any:
    return _api().get_tracer("tokenward")


@contextlib.contextmanager
def span(name: str, **attributes: str) -> Iterator[Any]:
    """A context manager for one span. Attributes must not hold a token or a claim.

    Exceptions are not recorded: their text is for the log, and a refused token is no error of the service.
    """
    found = tracer()
    if found is None:
        yield
        return
    described = {f"tokenward.{key}": value for key, value in attributes.items()}
    with found.start_as_current_span(
        name, attributes=described, record_exception=False, set_status_on_exception=False
    ) as current:
        yield current
