"""The service as processes: uvicorn, its workers, and the port for metrics."""

import asyncio
import contextlib
import errno
import gc
import os
import signal
import socket
import tempfile

import structlog
import uvicorn
from prometheus_client import CollectorRegistry, start_http_server
from uvicorn.supervisors import multiprocess

from taskward.database.engine import Database
from taskward.database.schema import REVISION
from taskward.operating import health, log
from taskward.operating.metrics import AllWorkers
from taskward.problems import DatabaseUnavailable
from taskward.server.connection import Connection
from taskward.settings import Settings

CANNOT_LISTEN = 1
BAD_SETTINGS = 2
NOT_MIGRATED = 3
GRACE_SECONDS = 20
LEAVING_SECONDS = 3.0
"""How long requests are still served at shutdown, while readiness answers 503; less when no request comes."""
QUIET_SECONDS = 0.3
BACKLOG = 2048
_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def serve(settings: Settings) -> int:
    """Serve until told to stop, by Ctrl-C or SIGTERM; requests under way are answered first. Returns the exit code."""
    # uvicorn raises the signal again after shutdown. The default handler would end the process with an error.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    log.configure(settings.log_level, settings.log_format)
    try:
        asyncio.run(_check_migrated(settings))
    except health.NotMigrated:
        log.tell(f"{health.NOT_MIGRATED}.", settings.log_format)
        return NOT_MIGRATED
    except DatabaseUnavailable as error:
        if error.reason.startswith("ClientConfigurationError"):  # waiting does not help
            why = f"DATABASE_URL: {error.reason}. See PGPORT, PGUSER, PGSSLMODE and the other PG… variables."
            log.tell(why, settings.log_format)
            return BAD_SETTINGS
        structlog.get_logger("taskward").warning(
            "the database cannot be reached yet; serving, and waiting for it", reason=error.reason
        )
    with contextlib.ExitStack() as stack:
        try:
            listeners = [stack.enter_context(listener) for listener in _listen(settings.host, settings.port)]
        except (OSError, ValueError) as error:
            log.tell(_cannot_listen("HOST", settings.host, "PORT", settings.port, error), settings.log_format)
            return CANNOT_LISTEN
        try:
            _serve_metrics(settings, stack)
        except (OSError, ValueError) as error:
            port = settings.metrics_port
            why = _cannot_listen("METRICS_HOST", settings.metrics_host, "METRICS_PORT", port, error)
            log.tell(why, settings.log_format)
            return CANNOT_LISTEN
        address, port = listeners[0].getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        structlog.get_logger("taskward").info("serving", url=f"http://{shown}:{port}", workers=settings.workers)
        with contextlib.suppress(KeyboardInterrupt):
            return _run(settings, listeners)
    return 0


def _run(settings: Settings, listeners: list[socket.socket]) -> int:
    config = uvicorn.Config(
        "taskward.app:from_environment",
        factory=True,
        workers=settings.workers,
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # Forwarded applies TRUSTED_PROXIES; uvicorn would trust every process on this machine
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=GRACE_SECONDS,
        http=Connection,
        ws="none",
        timeout_keep_alive=75,  # longer than proxies (60 s), so that no connection is closed while a proxy sends on it
    )
    if settings.workers > 1:
        multiprocess.Process = _Process  # type: ignore[misc]  # uvicorn has no option for it
        workers = _Workers(config, listeners)
        workers.run()
        return int(any(process.exitcode == uvicorn.config.STARTUP_FAILURE for process in workers.processes))
    server = _Server(config)
    server.run(listeners)
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """Announces shutdown first (readiness answers 503), serves up to 3 s more, then stops.

    Stopping at once would fail requests that proxies are just sending. Meanwhile each request is answered as the last
    one of its connection.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # All objects made so far stay. Without freeze, each full collection walks them all, and blocks requests for
        # 50 ms under load.
        gc.collect()
        gc.freeze()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        changes = self.lifespan.state.get("changes")
        if changes is not None:
            changes.leave()  # end open streams now: the shutdown would wait for them
        if signal.SIGINT not in self._captured_signals:  # no announcement at Ctrl-C: there is no proxy
            self.lifespan.state["leaving"] = True
            await self._until_quiet()
        await super().shutdown(sockets)

    async def _until_quiet(self) -> None:
        state, now = self.server_state, asyncio.get_running_loop().time
        started = quiet = now()
        answered = state.total_requests
        while now() - started < LEAVING_SECONDS and now() - quiet < QUIET_SECONDS and not self.force_exit:
            await asyncio.sleep(0.05)
            if state.connections or state.total_requests != answered:
                quiet, answered = now(), state.total_requests


class _Process(multiprocess.Process):
    @property
    def server(self) -> uvicorn.Server:
        if self._server is None:
            self._server = _Server(self.config)
        return self._server


class _Workers(multiprocess.Multiprocess):
    """Closes the listening sockets first, so that new connections are refused while the workers finish."""

    def terminate_all(self) -> None:
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


def _listen(host: str, port: int) -> list[socket.socket]:
    """A listening socket for each IP of ``host``. Raises OSError or UnicodeError.

    ``::`` is every IP of this machine, IPv4 and IPv6. On a machine without IPv6 it means 0.0.0.0.
    """
    if host == "::":
        try:
            both = socket.has_dualstack_ipv6()
            return [socket.create_server(("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=both)]
        except OSError as error:
            if error.errno not in _NO_SUCH_ADDRESS:
                raise
        host = "0.0.0.0"  # noqa: S104 - HOST names every IP
    listeners: list[socket.socket] = []
    flags = socket.AI_PASSIVE
    for family, _, _, _, address in dict.fromkeys(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)):
        chosen = (
            listeners[0].getsockname()[1] if listeners else port
        )  # port 0: the free port of the first socket, for all
        try:
            listeners.append(socket.create_server((address[0], chosen), family=family, backlog=BACKLOG))
        except OSError as error:
            # In many containers localhost has an IPv6 entry but the system has no IPv6.
            if error.errno not in _NO_SUCH_ADDRESS:
                for listener in listeners:
                    listener.close()
                raise
            missing = error
    if not listeners:
        raise missing
    return listeners


def _cannot_listen(
    host_setting: str, host: str, port_setting: str, port: int | None, error: OSError | ValueError
) -> str:
    if isinstance(error, ValueError):  # UnicodeError: not a valid host name
        why: str | None = "it is not a host name or an IP"
    else:
        why = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror
    return f"Cannot listen on {host} port {port}: {why}. Set {port_setting} or {host_setting}."


async def _check_migrated(settings: Settings) -> None:
    db = Database(settings.database_url.get_secret_value(), pool_size=1, timeout=settings.database_timeout)
    await db.open()
    try:
        await health.check_migrated(db, REVISION)
    finally:
        await db.close()


def _serve_metrics(settings: Settings, stack: contextlib.ExitStack) -> None:
    """Serve the metrics of all workers on one port. With several workers, each writes to a folder that is read here."""
    if settings.metrics_port is None:
        return
    if settings.workers == 1:
        server, thread = start_http_server(settings.metrics_port, settings.metrics_host)
    else:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="taskward-metrics-", ignore_cleanup_errors=True)
        )
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # read by prometheus_client in each worker
        registry = CollectorRegistry()
        AllWorkers(registry, folder)
        server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    stack.callback(thread.join)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
