"""Taskward with a watch on its event loop: GET /stalls tells the processor time between two ticks of a 1 ms clock.

Processor time, because what another process does to this one is not a stall of this one's making.
"""

import asyncio
import json
import sys
import time

from starlette.types import ASGIApp, Receive, Scope, Send

from taskward import app
from taskward.cli.main import main

STALL = 0.005


class Watched:
    """The service, and its longest turns of the loop since the last time somebody asked."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._turns: list[float] = []
        self._watch: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self._watch = asyncio.create_task(self._tick())
        if scope.get("path") != "/stalls":
            await self._app(scope, receive, send)
            return
        turns, self._turns = sorted(self._turns), []
        told = {
            "turns": len(turns),
            "stalls": sum(turn > STALL for turn in turns),
            "p99_ms": turns[len(turns) * 99 // 100] * 1000 if turns else 0,
            "longest_ms": turns[-1] * 1000 if turns else 0,
        }
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})

    async def _tick(self) -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            self._turns.append(now - before)
            before = now


if __name__ == "__main__":
    from_environment = app.from_environment
    app.from_environment = lambda: Watched(from_environment())
    sys.exit(main(["serve", *sys.argv[1:]]))
