"""Process faults: shutdown, kill, exhausted resources and slow clients."""

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn

from taskward.server.connection import Connection
from tests.support.load import People
from tests.support.postgres import Databases
from tests.support.process import TASKWARD, free_port
from tests.support.proxy import Proxy
from tests.support.service import Service, eventually, serving
from tests.support.wire import Wire
from tokenward import Authenticator, Clock, SecretSource, TokenCache, TokenVerifier
from tokenward.testing import Issuer

Report = Callable[..., None]
ASK = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest_asyncio.fixture(scope="module")
async def database(databases: Databases, migrated_template: str) -> AsyncIterator[str]:
    url = await databases.create(migrated_template)
    yield url
    await databases.drop(url)


@pytest_asyncio.fixture(scope="module")
async def keys() -> AsyncIterator[tuple[Issuer, str]]:
    issuer = Issuer()
    async with issuer.serve() as url:
        yield issuer, url


# Told to stop


@pytest.mark.parametrize("restarts", [2, pytest.param(8, marks=pytest.mark.torture)])
async def test_a_rolling_restart_of_two_replicas_fails_no_request(
    keys: tuple[Issuer, str], database: str, tmp_path: Path, reliability: Report, restarts: int
) -> None:
    statuses: Counter[int] = Counter()
    ports = [free_port(), free_port()]
    proxy = Proxy(ports)
    stopping = asyncio.Event()

    async def work(name: str) -> None:
        """Writes without an Idempotency-Key, which nobody may try twice, and reads."""
        headers = {"authorization": f"Bearer {keys[0].token(name)}"}
        base = f"http://127.0.0.1:{proxy.port}/api/me/"
        async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False, timeout=60) as client:
            while not stopping.is_set():
                statuses[(await client.post("tasks", json={"title": "x"})).status_code] += 1
                statuses[(await client.get("tasks?limit=1")).status_code] += 1

    async def replica(port: int) -> tuple[AsyncExitStack, Service]:
        stack = AsyncExitStack()
        return stack, await stack.enter_async_context(serving(*keys, database, tmp_path, PORT=str(port)))

    replicas = [await replica(port) for port in ports]
    async with proxy.running(), asyncio.TaskGroup() as people:
        for port in ports:
            await proxy.until_ready(port)
        for number in range(8):
            people.create_task(work(f"rolling-{number}"))
        for number in range(restarts):
            port = ports[number % 2]
            stack, service = replicas[number % 2]
            service.process.terminate()
            assert await asyncio.to_thread(service.process.wait, 30) == 0
            await stack.aclose()
            assert "Traceback" not in service.said()
            replicas[number % 2] = await replica(port)
            await proxy.until_ready(port)
        stopping.set()
    for stack, _ in replicas:
        await stack.aclose()
    failed = proxy.failed.total() + statuses.total() - statuses[200] - statuses[201]
    reliability(f"Rolling restart, {restarts} times under load", requests=statuses.total(), failed=failed)
    assert not proxy.failed
    assert set(statuses) == {200, 201}
    assert min(proxy.passed.values()) > 20


async def test_requests_under_way_are_answered_before_a_process_ends(
    keys: tuple[Issuer, str], database: str, tmp_path: Path, reliability: Report
) -> None:
    """Even one whose body is still to come."""
    token = keys[0].token("late")
    head = f"POST /api/me/tasks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n".encode()
    head += b"content-type: application/json\r\ncontent-length: 16\r\nexpect: 100-continue\r\n\r\n"
    async with serving(*keys, database, tmp_path) as service:
        wires = [await Wire.to(service.port) for _ in range(10)]
        for wire in wires:
            await wire.send(head)
            assert (await wire.answer()).status == 100  # the request is under way
        service.process.terminate()

        async def not_ready() -> bool:
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.get(f"{service.url}/readyz")
            return answer.status_code == 503 and bool(answer.json()["code"] == "shutting_down")

        await eventually(not_ready)
        newcomer = await Wire.to(service.port)  # proxies have not noticed yet
        await newcomer.send(ASK)
        assert ((await newcomer.answer()).status, await newcomer.ended()) == (200, True)
        newcomer.close()
        statuses = Counter[int]()
        for wire in wires:
            await wire.send(b'{"title":"late"}')
            statuses[(await wire.answer()).status] += 1
            assert await wire.ended()
            wire.close()
        assert await asyncio.to_thread(service.process.wait, 30) == 0
    reliability("SIGTERM with bodies still to come", requests=10, failed=10 - statuses[201])
    assert statuses == {201: 10}


def children(pid: int) -> set[int]:
    """The processes that serve: uvicorn's workers, without Python's resource tracker."""
    found = set()
    for entry in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError):
            if b"spawn_main" in Path(f"/proc/{entry}/cmdline").read_bytes():
                found.add(int(entry))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="workers are found in /proc")
async def test_a_killed_worker_is_replaced_and_takes_only_its_own_requests_with_it(
    keys: tuple[Issuer, str], database: str, tmp_path: Path, reliability: Report
) -> None:
    async with serving(*keys, database, tmp_path, WORKERS="2") as service:

        async def two() -> bool:
            return len(children(service.process.pid)) == 2

        await eventually(two)
        people = People(keys[0], [service.url])
        async with people.at_work() as ledger:
            await people.successes()
            before = children(service.process.pid)
            os.kill(min(before), signal.SIGKILL)
            await people.successes(10)  # the other one serves meanwhile

            async def replaced() -> bool:
                return len(children(service.process.pid) - before) == 1 and await two()

            seconds = await eventually(replaced)
            await people.successes()
        found = await people.audit()
        reliability(
            "SIGKILL of one of two workers (failed: what it had under way)",
            failed=ledger.lost,
            **found,
            recovery_s=round(seconds, 2),
        )
        assert not ledger.wrong, ledger.wrong[:5]
        assert ledger.lost <= 8  # one for each person who had a connection to that worker
        assert (found["missing"], found["doubled"]) == (0, 0)
        service.process.terminate()
        assert await asyncio.to_thread(service.process.wait, 30) == 0
        assert not before & {int(entry) for entry in os.listdir("/proc") if entry.isdigit()}


# The clock


class Jumping(Clock):
    """A wall clock that somebody sets, beside monotonic time that nobody can."""

    ahead = 0.0

    def wall(self) -> float:
        return time.time() + self.ahead


async def test_a_clock_that_jumps_refuses_for_as_long_as_it_is_wrong_and_crashes_nothing(
    settings: Any, issuer: Issuer, reliability: Report
) -> None:
    from asgi_lifespan import LifespanManager

    from taskward.app import create_app

    clock = Jumping()
    async with httpx.AsyncClient(transport=issuer.transport()) as http:
        app = create_app(settings.model_copy(update={"auth_failures": "0"}), http=http, clock=clock)
        async with LifespanManager(app) as manager:
            transport = httpx.ASGITransport(manager.app)
            headers = {"authorization": f"Bearer {issuer.token('alice')}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://t", headers=headers) as client:
                jumps = 0
                for ahead, status in (
                    *((0, 200), (3600, 401), (0, 200), (-3600, 401), (0, 200)),
                    *((29, 200), (-29, 200), (10**9, 401), (-(10**9), 401), (0, 200)),
                ):
                    clock.ahead = ahead
                    jumps += 1
                    answer = await client.get("/api/me/tasks")
                    assert answer.status_code == status, (ahead, answer.text)
                    created = await client.post("/api/me/tasks", json={"title": str(ahead)})
                    assert created.status_code == (201 if status == 200 else 401)
                clock.ahead = 0
                items = (await client.get("/api/me/tasks")).json()["items"]
                assert [item["title"] for item in items] == ["0", "-29", "29", "0", "0", "0"]
    reliability("Clock jumps (hours and decades, both ways)", requests=jumps * 2, failed=0)


# Too little, too slow, too many


def limited(command: tuple[str, ...], descriptors: int) -> tuple[str, ...]:
    return ("sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command)


async def test_when_file_descriptors_run_out_those_who_are_connected_are_served_and_others_are_later(
    keys: tuple[Issuer, str], database: str, tmp_path: Path, reliability: Report
) -> None:
    command = limited((*TASKWARD, "serve"), 96)
    async with serving(*keys, database, tmp_path, command=command, JWKS_TTL="1", AUTH_FAILURES="0") as service:
        async with service.client(keys[0].token("early")) as early:
            statuses = Counter[int]()
            assert (await early.post("/api/me/tasks", json={"title": "before"})).status_code == 201
            hoard = [await Wire.to(service.port) for _ in range(150)]
            for _ in range(20):
                statuses[(await early.post("/api/me/tasks", json={"title": "meanwhile"})).status_code] += 1
                await asyncio.sleep(0.1)  # keys are to be fetched anew meanwhile, and cannot be
            assert set(statuses) <= {201, 503}
            for wire in hoard:
                wire.close()

            async def served() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    async with service.client(keys[0].token("late")) as late:
                        return (await late.post("/api/me/tasks", json={"title": "after"})).status_code == 201
                return False

            seconds = await eventually(served)
            titles = [item["title"] for item in (await early.get("/api/me/tasks")).json()["items"]]
        assert titles.count("meanwhile") == statuses[201]
        assert "Traceback" not in service.said()
        assert service.said().count("\n") < 200  # nothing is told a thousand times
    reliability(
        "File descriptors used up", requests=20, unavailable=statuses[503], failed=0, recovery_s=round(seconds, 2)
    )


class Impatient(Connection):
    """The same, a hundred times faster: what it does is the subject here, not how long that takes."""

    look_every = 0.05


@pytest_asyncio.fixture
async def impatient(application: Any) -> AsyncIterator[tuple[int, Any]]:
    """The application behind impatient connections: its port, and the connections it has."""

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Any:
            yield

    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(uvicorn.Config(application, lifespan="on", log_config=None, http=Impatient))
    task = asyncio.create_task(server.serve([listener]))
    yield listener.getsockname()[1], server.server_state.connections
    server.should_exit = True
    await task


async def trickle(wire: Wire, every: float = 0.02) -> None:
    """A byte now and then, for as long as the server listens."""
    with contextlib.suppress(ConnectionError):
        while not wire.writer.is_closing():
            wire.writer.write(b"a")
            await wire.writer.drain()
            await asyncio.sleep(every)


async def test_a_client_that_never_finishes_a_request_is_disconnected(
    impatient: tuple[int, Any], issuer: Issuer, reliability: Report
) -> None:
    port, connections = impatient
    authorization = f"authorization: Bearer {issuer.token('slow')}\r\n".encode()
    post = b"POST /api/me/tasks HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n" + authorization
    starts = {
        "head": b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ",
        "body": post + b"content-length: 60000\r\n\r\n",
        "chunks": post + b"transfer-encoding: chunked\r\n\r\nffff\r\n",
        "second head": ASK + b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ",
    }
    for name, start in starts.items():
        wire = await Wire.to(port)
        await wire.send(start)
        dripping = asyncio.create_task(trickle(wire))
        if name == "second head":
            assert (await wire.answer()).status == 200
        reply = await wire.answer()
        assert (reply.status, reply.problem["code"]) == (408, "request_timeout"), name
        assert (reply.get("connection"), reply.get("x-content-type-options")) == ("close", "nosniff")
        assert await wire.ended()
        wire.close()
        await dripping
    silent = await Wire.to(port)
    assert await silent.ended()  # a connection on which nothing ever came: nothing is answered either
    silent.close()
    assert not connections
    reliability("Slow clients: head, body, chunks, second head, nothing", connections=5, closed=5)


async def test_a_client_that_never_reads_the_answer_is_disconnected(
    impatient: tuple[int, Any], issuer: Issuer, reliability: Report
) -> None:
    port, connections = impatient
    headers = {"authorization": f"Bearer {issuer.token('deaf')}"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}/api/me/", headers=headers, trust_env=False
    ) as client:
        for _ in range(60):
            assert (await client.post("tasks", json={"title": "x", "description": "y" * 5000})).status_code == 201
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
        request = f"GET /api/me/tasks HTTP/1.1\r\nhost: x\r\nauthorization: {headers['authorization']}\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(raw, request.encode() * 30)  # 9 MB of answers, none of it read

        async def waiting() -> bool:
            return any(connection.transport.get_write_buffer_size() for connection in connections)

        async def given_up() -> bool:
            return not connections

        await eventually(waiting)
        await eventually(given_up)
    reliability("Clients that never read", connections=1, closed=1)


@pytest.mark.torture
async def test_hundreds_of_slow_clients_block_no_other_request(
    keys: tuple[Issuer, str], database: str, tmp_path: Path, reliability: Report
) -> None:
    async with serving(*keys, database, tmp_path) as service:
        slow = [await Wire.to(service.port) for _ in range(400)]
        dripping = []
        for number, wire in enumerate(slow):
            await wire.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ")
            if number % 10 == 0:
                wire.writer.write_eof()  # some are half closed
            else:
                dripping.append(asyncio.create_task(trickle(wire, every=0.5)))
        people = People(keys[0], [service.url], people=4)
        async with people.at_work() as ledger:
            await people.successes(100)
        found = await people.audit()
        for wire in slow:
            wire.close()
        await asyncio.gather(*dripping)
        reliability("400 slow and half-closed clients beside the others", failed=ledger.lost, **found)
        assert not ledger.wrong
        assert ledger.lost == 0
        assert ledger.slowest < 10


def resident(pid: int | str) -> int:
    """Bytes of memory in use."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024  # type: ignore[index]  # every process has it


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize("number", [200, pytest.param(5000, marks=pytest.mark.torture)])
async def test_idle_connections_take_little_memory_and_delay_no_request(
    keys: tuple[Issuer, str], database: str, tmp_path: Path, reliability: Report, number: int
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} file descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    async with serving(*keys, database, tmp_path) as service:
        async with service.client(keys[0].token("z")) as client:
            assert (await client.post("/api/me/tasks", json={"title": "warm"})).status_code == 201
        before = resident(service.process.pid)
        idle = []
        for _ in range(number):
            wire = await Wire.to(service.port)
            await wire.send(ASK)
            assert (await wire.answer()).status == 200
            idle.append(wire)
        each = (resident(service.process.pid) - before) / number
        people = People(keys[0], [service.url], people=4)
        async with people.at_work() as ledger:
            await people.successes(100)
        for wire in idle:  # each is still good for another request
            await wire.send(ASK)
        assert [(await wire.answer()).status for wire in idle] == [200] * number
        for wire in idle:
            wire.close()
        found = await people.audit()
        reliability(
            f"{number:,} idle keep-alive connections",
            connections=number,
            kb_each=round(each / 1000, 1),
            failed=ledger.lost,
            **found,
        )
        assert not ledger.wrong
        assert ledger.lost == 0
        assert each < 60_000
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize("tokens", [20_000, pytest.param(1_000_000, marks=pytest.mark.torture)])
async def test_any_number_of_different_tokens_is_accepted_in_the_same_memory(reliability: Report, tokens: int) -> None:
    import hashlib
    import hmac

    from tokenward.testing.keys import b64

    secret = "a secret of more than thirty-two bytes"
    source = SecretSource(secret)
    verifier = TokenVerifier(frozenset({"i"}), frozenset({"a"}), frozenset({"HS256"}), kid_required=False)
    cache = TokenCache(4096)
    authenticator = Authenticator(source, verifier, cache=cache)
    await authenticator.start()
    head, now = b64(b'{"alg":"HS256"}'), int(time.time())

    def token(number: int) -> bytes:
        claims = {"sub": f"person-{number}", "iss": "i", "aud": "a", "iat": now, "exp": now + 9000}
        signed = f"{head}.{b64(json.dumps(claims).encode())}".encode()
        return signed + b"." + b64(hmac.digest(secret.encode(), signed, hashlib.sha256)).encode()

    async def accepted(start: int, end: int) -> int:
        good = 0
        for number in range(start, end):
            identity = await authenticator.authenticate([(b"authorization", b"Bearer " + token(number))], "127.0.0.1")
            good += identity.subject == f"person-{number}"
        return good

    warm = 10_000  # the cache is full, and the interpreter has what it needs
    assert await accepted(0, warm) == warm
    before = resident("self")
    assert await accepted(warm, warm + tokens) == tokens
    grown = resident("self") - before
    await authenticator.close()
    reliability(f"{tokens:,} different tokens", requests=tokens, failed=0, grown_mb=round(grown / 1e6, 1))
    assert grown < 10_000_000
