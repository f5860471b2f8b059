"""What is measured besides the peers' load: authentication by itself, floods, starts, memory, the event loop."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from statistics import median
from typing import Any

from benchmarks import seed
from benchmarks.ground import ROOT, TASKWARD_PYTHON
from benchmarks.issuer import Issuer
from benchmarks.load import Load
from benchmarks.measure import Cells, alternate, ratio
from benchmarks.servers import FASTAPI_PEER, FASTIFY_PEER, PEERS, TASKWARD, Peer, Server

WATCHED = Peer("watched", "Taskward, watched", (str(TASKWARD_PYTHON), "-m", "benchmarks.peers.watched_app", "--port"))


def authentication(load: Load, servers: list[Server], rounds: int) -> dict[str, Any]:
    """With and without, warm tokens, 16 connections; and tokens never seen before."""
    pair = [server for server in servers if server.peer.name in ("taskward", "open")]
    cells: Cells = list(alternate(load, pair, ("get",), 16, 1, rounds))
    taskward = next(server for server in pair if server.peer.name == "taskward")
    first = [load.run(taskward, "get", 16, 1, first_sight=True) for _ in range(3)]
    return {
        "authentication": ratio(cells, "taskward", "open", "get", 16, "total_us"),
        "authentication_service": ratio(cells, "taskward", "open", "get", 16, "service_us"),
        "first_sight_request_us": median(cell.service_us for cell in first),
        "warm_request_us": median(cell.service_us for cell in cells if cell.server == "taskward"),
        "authentication_cells": [vars(cell) for cell in cells + first],
    }


def verification(chunks: int, tokens: int) -> dict[str, Any]:
    """In a process of its own: see verification.py."""
    command = [sys.executable, "-m", "benchmarks.verification", str(chunks), str(tokens)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    extras = {"first_sight": found["first_sight"]["ratio"], "first_sight_us": found["first_sight"]}
    if found["memory"]:
        at = dict(found["memory"])
        extras |= {"memory_tokens": found["memory"], "memory_growth": at[tokens] - at[tokens // 10]}
    return extras


def revocation() -> dict[str, Any]:
    """A get with revocations against the same without, for each number of revocations: see revocation.py."""
    command = [sys.executable, "-m", "benchmarks.revocation", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return {"revocation": max(found.values()), "revocation_ratios": found}


def flood(server: Server, issuer: Issuer, load: Load, seconds: int = 4) -> dict[str, Any]:
    """Genuine tokens under made-up key ids, never one twice: how often is the issuer asked, after the first time?"""
    before = issuer.fetches[server.peer.name]
    answered = load.flood(server, seconds, issuer.under_unknown_keys)
    fetches = issuer.fetches[server.peer.name] - before
    return {"flood_fetches": (fetches - 1) / seconds, "flood_requests": answered}


def workers(load: Load, environment: dict[str, str], port: int, rounds: int) -> dict[str, Any]:
    """Two workers against one at 64 connections: requests a second, and whether a request costs more processor time."""
    with (
        Server(Peer("one", "one worker", TASKWARD.command), port, environment) as one,
        Server(Peer("two", "two workers", TASKWARD.command), port + 1, environment | {"WORKERS": "2"}) as two,
    ):
        for server in (one, two):
            load.run(server, "list", 64, 1)
        cells: Cells = list(alternate(load, [one, two], ("list",), 64, 1, rounds))
    return {
        "workers": ratio(cells, "two", "one", "list", 64, "rate"),
        "workers_cpu": ratio(cells, "two", "one", "list", 64, "service_us"),
    }


def starts(environment: dict[str, str], token: str, port: int, rounds: int) -> dict[str, Any]:
    """From the start of the process to the first authenticated answer out of the database: seconds, median."""
    found: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    path = f"/api/{seed.USERS[0]}/tasks/{seed.task_id(0, 7)}"
    for _ in range(rounds):
        for peer in (TASKWARD, FASTIFY_PEER, FASTAPI_PEER):
            started = time.perf_counter()
            with Server(peer, port, environment) as server:
                status, _body = server.ask("GET", path, token)
                found.setdefault(peer.name, []).append(time.perf_counter() - started)
                assert status == 200, (peer.label, status)
                memory[peer.name] = server.memory()
            port += 1
    medians = {name: median(values) for name, values in found.items()}
    return {"start": medians["taskward"], "starts": medians, "memory_at_start": memory}


def streams(load: Load, environment: dict[str, str], tokens: list[str], port: int, rounds: int) -> dict[str, Any]:
    """An idle event stream for each token: kB of the worker's memory each, and what a get costs beside them."""
    with (
        Server(TASKWARD, port, environment) as alone,
        Server(Peer("streaming", "with idle streams", TASKWARD.command), port + 1, environment) as streaming,
        ExitStack() as stack,
    ):
        load.run(streaming, "get", 16, 1)
        before = streaming.memory()
        for token in tokens:
            stack.enter_context(open_stream(streaming, token))
        memory = streaming.memory() - before
        cells: Cells = list(alternate(load, [alone, streaming], ("get",), 16, 1, rounds))
    beside = ratio(cells, "streaming", "taskward", "get", 16, "total_us")
    return {"stream_kb": memory * 1000 / len(tokens), "streams_get": beside, "streams": len(tokens)}


def open_stream(server: Server, token: str) -> socket.socket:
    """A connection on which the stream has said that it is ready, and nothing else is read."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(b"GET /api/me/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n" % token.encode())
    heard = b""
    while b"event: ready" not in heard:
        piece = connection.recv(4096)
        if not piece or b" 200 " not in (heard + piece)[:20]:
            raise RuntimeError(f"no stream, but {(heard + piece)[:200]!r}")
        heard += piece
    return connection


def stalls(load: Load, environment: dict[str, str], port: int, seconds: float) -> dict[str, Any]:
    """Turns of the event loop that took more than 5 ms of processor time, under warm and under new tokens."""
    found = {}
    with Server(WATCHED, port, environment) as server:
        for name, first_sight in (("warm", False), ("first sight", True)):
            stalled(server)
            load.run(server, "get", 16, seconds, first_sight=first_sight)
            found[name] = stalled(server)
    return {"stalls": found}


def stalled(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.url}/stalls", timeout=5) as response:  # noqa: S310 - always http
        told: dict[str, Any] = json.load(response)
        return told


def all_servers(
    stack: ExitStack, environment: dict[str, str], port: int, peers: tuple[Peer, ...] = PEERS
) -> list[Server]:
    """Every peer, running until the stack is left."""
    return [stack.enter_context(Server(peer, port + number, environment)) for number, peer in enumerate(peers)]
