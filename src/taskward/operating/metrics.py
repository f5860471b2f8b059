"""Metrics for Prometheus, served on a port of their own."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """The metrics of one process, on the default registry. Tests pass a registry of their own."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._requests = Histogram(
            "taskward_request_seconds",
            "Time to answer",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._authentications = Counter(
            "taskward_authentications_total", "Authentications by outcome", ("outcome",), registry=registry
        )
        self._fetches = Histogram(
            "taskward_jwks_fetch_seconds", "Key set fetches", ("outcome",), buckets=_BUCKETS, registry=registry
        )
        self._key_age = Gauge(
            "taskward_jwks_age_seconds", "Age of the key set in use", registry=registry, multiprocess_mode="livemax"
        )
        self._pool = Gauge(
            "taskward_database_connections",
            "Pooled connections",
            ("state",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._lag = Gauge(
            "taskward_revocation_lag_seconds",
            "Seconds since revocations were last known to be complete; -1 before the first time",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._revocations = Gauge(
            "taskward_revocation_entries", "Revocations in force", registry=registry, multiprocess_mode="livemax"
        )
        self._streams = Gauge(
            "taskward_event_streams", "Open event streams", registry=registry, multiprocess_mode="livesum"
        )
        self._children: dict[tuple[str, str, int], Callable[[float], None]] = {}
        self._outcomes: dict[str, Callable[[], None]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        key = (method if method in _METHODS else "other", route, status)
        observe = self._children.get(key)
        if observe is None:  # looking up a labelled child costs more than observing
            observe = self._children[key] = self._requests.labels(key[0], route, str(status)).observe
        observe(seconds)

    def authenticated(self, outcome: str) -> None:
        count = self._outcomes.get(outcome)
        if count is None:
            count = self._outcomes[outcome] = self._authentications.labels(outcome).inc
        count()

    def fetched(self, outcome: str, seconds: float) -> None:
        self._fetches.labels(outcome).observe(seconds)
        if outcome != "failed":
            self._key_age.set(0)  # at once, not at the next update of the gauges

    def state(self, key_age: float | None, connections: int, idle: int) -> None:
        """Set the gauges of keys (age in seconds, None without keys) and of connections."""
        self._key_age.set(-1 if key_age is None else key_age)
        self._pool.labels("open").set(connections)
        self._pool.labels("idle").set(idle)

    def revocations(self, lag: float, entries: int) -> None:
        self._lag.set(lag if lag < 1e9 else -1)
        self._revocations.set(entries)

    def streaming(self, streams: int) -> None:
        self._streams.set(streams)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class AllWorkers(MultiProcessCollector):
    """The metrics of several workers, which write to files in one folder.

    Counts of a worker stay after it ends. Its gauges are removed, because otherwise they would be added to those of its
    successor.
    """

    def __init__(self, registry: CollectorRegistry, folder: str) -> None:
        self._folder = folder
        super().__init__(registry, folder)  # type: ignore[no-untyped-call]  # the library leaves it untyped

    def collect(self) -> Iterable[Metric]:
        for pid in {int(file.stem.rpartition("_")[2]) for file in Path(self._folder).glob("gauge_live*.db")}:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                mark_process_dead(pid, self._folder)  # type: ignore[no-untyped-call]  # likewise
        found: Iterable[Metric] = super().collect()  # type: ignore[no-untyped-call]  # likewise
        return found
