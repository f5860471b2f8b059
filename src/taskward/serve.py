"""The service as processes: uvicorn, its workers, and the port for metrics."""

import asyncio
import os
import sys
import tempfile

import uvicorn
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from taskward import health, log
from taskward.config import Settings
from taskward.db import Database
from taskward.errors import DatabaseUnavailable
from taskward.tasks.models import REVISION

NOT_MIGRATED = 3
GRACE_SECONDS = 20


def serve(settings: Settings) -> int:
    """Serve until told to stop. Returns the exit code."""
    log.configure(settings.log_level, settings.log_format)
    try:
        asyncio.run(_check_migrated(settings))
    except health.NotMigrated:
        print(f"{health.NOT_MIGRATED}.", file=sys.stderr)
        return NOT_MIGRATED
    except DatabaseUnavailable as error:
        print(f"The database cannot be reached yet ({error.reason}); serving, and waiting for it.", file=sys.stderr)
    if settings.metrics_port is not None:
        _serve_metrics(settings)
    uvicorn.run(
        "taskward.app:from_environment",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # TRUSTED_PROXIES is ours to apply; uvicorn would believe anybody on this machine
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=65_536,
    )
    return 0


async def _check_migrated(settings: Settings) -> None:
    db = Database(settings.database_url.get_secret_value(), pool_size=1, timeout=settings.database_timeout)
    await db.open()
    try:
        await health.check_migrated(db, REVISION)
    finally:
        await db.close()


def _serve_metrics(settings: Settings) -> None:
    """Metrics of all workers on one port. With several, each writes to a folder that this process reads."""
    assert settings.metrics_port is not None  # noqa: S101 - the caller looked
    if settings.workers == 1:
        start_http_server(settings.metrics_port, settings.metrics_host)
        return
    folder = tempfile.mkdtemp(prefix="taskward-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # read by the library in each worker; not a setting of ours
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]  # the library leaves it untyped
    start_http_server(settings.metrics_port, settings.metrics_host, registry)
