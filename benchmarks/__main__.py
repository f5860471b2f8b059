"""`python -m benchmarks [--quick | --scale]`: the run, its figures on the console, in results/ and in the documents."""

import argparse
import signal
import sys
import time
from contextlib import ExitStack
from typing import Any

from benchmarks import equal, extras, ground, report, scale, seed, servers
from benchmarks.database import Database, migrate
from benchmarks.issuer import Issuer
from benchmarks.load import OPERATIONS, Load
from benchmarks.measure import Cells, alternate, warm_up

PORT = 9100


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="under a minute: the goals against Fastify, nothing written"
    )
    parser.add_argument("--scale", action="store_true", help="10,000,000 tasks, and a million tokens: ten minutes more")
    parser.add_argument("--rounds", type=int, default=5, help="how often the servers take turns at 16 connections (5)")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="distinct tokens that --scale verifies, or 0")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers and the database end with us
    ground.prepare()
    started = time.monotonic()
    if options.scale:
        report.keep("scale", scale.run(PORT + 100, options.tokens))
    else:
        cells, found = run(quick=options.quick, rounds=options.rounds)
        report.show(cells, found)
        ground.tokenward_cost()
        if not options.quick:
            report.keep("peers", {"cells": [vars(cell) for cell in cells], "extras": found})
    print(f"{time.monotonic() - started:.0f} s")
    if not options.quick:
        report.write()
    return 0


def run(*, quick: bool, rounds: int) -> tuple[Cells, dict[str, Any]]:
    """Every figure of one run; quick leaves out all but what the goals against Fastify and FastAPI need."""
    issuer = Issuer()
    cells: Cells = []
    with Database() as database, ExitStack() as stack:
        url = database.url()
        environment = servers.environment(url, issuer)
        migrate(environment)
        seed.tasks(url)
        load = Load(database.postmaster, seed.ToDelete(url), issuer.token)
        peers = (servers.FASTAPI_PEER, servers.FASTIFY_PEER, servers.TASKWARD) if quick else servers.PEERS
        running = extras.all_servers(stack, environment, PORT, peers)
        equal.check(running, issuer.token(seed.USERS[0]))
        warm_up(load, running, 1)
        if quick:
            for cell in alternate(load, running, ("get", "list", "post", "mixed"), 16, 1, 2):
                cells.append(cell)
            return cells, {}
        for connections, turns in ((16, rounds), (1, max(1, rounds // 2)), (64, max(1, rounds // 2))):
            for cell in alternate(load, running, OPERATIONS, connections, 1, turns):
                cells.append(cell)
                report.tick(cell)
        found: dict[str, Any] = {}
        report.keep("peers", {"cells": [vars(cell) for cell in cells], "extras": found})
        by_name = {server.peer.name: server for server in running}
        found["memory"] = {name: server.memory() for name, server in by_name.items()}
        found["memory_loaded"] = found["memory"]["taskward"]
        found["fetches"] = dict(issuer.fetches)
        found |= extras.authentication(load, running, 24)
        found |= extras.flood(by_name["taskward"], issuer, load)
        stack.close()
        found |= extras.starts(environment, issuer.token(seed.USERS[0]), PORT + 20, 5)
        found |= extras.stalls(load, environment, PORT + 40, 3)
        tokens = [issuer.token(user, 0) for user in seed.USERS]
        found |= extras.streams(load, environment, tokens, PORT + 60, 6)
        found |= extras.workers(load, environment, PORT + 50, 4)
        found |= extras.verification(200, 100_000)
        found |= extras.revocation()
        found["database_memory"] = database.memory()
    return cells, found


if __name__ == "__main__":
    sys.exit(main())
