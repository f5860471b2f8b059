"""Load: what is sent (a plan, a line a request) and one run of wrk over it, with the processor time it took."""

import json
import random
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.ground import HERE
from benchmarks.seed import TASKS_EACH, USERS, ToDelete, task_id
from benchmarks.servers import Server

OPERATIONS = ("get", "list", "post", "patch", "delete", "mixed")
#: Out of twenty requests of the mixed load.
MIX = ["get"] * 9 + ["list"] * 6 + ["post"] * 2 + ["patch"] * 2 + ["delete"]
#: A run with fewer answers is tried again: something else had the machine.
MEANINGFUL = 50
#: Method, path, number of the token, body.
Line = tuple[str, str, int, str]
BODY = json.dumps({"title": "Water the plants", "description": "all of them, the ones on the balcony too"})


@dataclass(frozen=True)
class Cell:
    """What one run found: microseconds of processor time a request, requests a second, milliseconds."""

    server: str
    operation: str
    connections: int
    requests: int
    service_us: float
    database_us: float
    rate: float
    p50: float
    p99: float

    @property
    def total_us(self) -> float:
        return self.service_us + self.database_us


class Load:
    """Sends load to servers over one database, whose postmaster is `database`."""

    def __init__(self, database: int, to_delete: ToDelete, token: Callable[[str, int], str]) -> None:
        self._database, self._to_delete, self._token = database, to_delete, token
        self._temporary = tempfile.TemporaryDirectory(prefix="taskward-bench-")
        self._folder = Path(self._temporary.name)
        self._tokens = self._folder / "tokens"
        self._tokens.write_text("\n".join(token(user, 0) for user in USERS))
        self._serial = 0

    def run(
        self, server: Server, operation: str, connections: int, seconds: float, *, first_sight: bool = False
    ) -> Cell:
        """One run. With `first_sight` no token is ever sent twice."""
        for _ in range(3):
            plan, tokens = self._plan(operation, int(14_000 * seconds)), self._tokens
            if first_sight:
                tokens = self._new_tokens(plan)
                plan = [(method, path, number, body) for number, (method, path, _, body) in enumerate(plan)]
            once = first_sight or operation in ("delete", "mixed")
            cell = self.send(server, operation, connections, seconds, plan, tokens, once=once)
            if cell.requests >= MEANINGFUL:
                break
        return cell

    def send(
        self,
        server: Server,
        operation: str,
        connections: int,
        seconds: float,
        plan: list[Line],
        tokens: Path,
        *,
        once: bool = False,
    ) -> Cell:
        """A plan of one's own; `tokens` is a file with a token a line. `once` stops when the plan is through."""
        file = self._folder / "plan"
        file.write_text("".join(f"{method}\t{path}\t{number}\t{body}\n" for method, path, number, body in plan))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
        command += ["-s", str(HERE / "wrk.lua"), server.url, "--", str(tokens), str(file), "once" if once else "again"]
        before = server.cpu(), processes.cpu(self._database)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60 + seconds)
        time.sleep(0.05)  # the last answers, to connections that wrk has already closed
        after = server.cpu(), processes.cpu(self._database)
        result = read_result(done)
        if result["refused"]:
            raise RuntimeError(f"{server.peer.label}, {operation}: {result}")
        sent = result["sent"]
        return Cell(
            server.peer.name,
            operation,
            connections,
            sent,
            (after[0] - before[0]) / sent * 1e6,
            (after[1] - before[1]) / sent * 1e6,
            result["answered"] / result["seconds"],
            result["p50"],
            result["p99"],
        )

    def flood(self, server: Server, seconds: int, tokens: Callable[[int], list[str]]) -> int:
        """Requests that are all refused; how many were answered."""
        file, plan = self._folder / "flood-tokens", self._folder / "flood"
        count = 3000 * seconds
        file.write_text("\n".join(tokens(count)))
        plan.write_text("".join(f"GET\t/api/me/tasks\t{number}\t\n" for number in range(count)))
        command = ["wrk", "-t1", "-c64", f"-d{seconds}s", "-s", str(HERE / "wrk.lua"), server.url, "--"]
        done = subprocess.run([*command, str(file), str(plan), "again"], capture_output=True, text=True, timeout=60)
        return int(read_result(done)["answered"])

    def _plan(self, operation: str, requests: int) -> list[Line]:
        self._serial += 1
        chance = random.Random(self._serial)
        kinds = chance.choices(MIX, k=requests) if operation == "mixed" else [operation] * requests
        gone = iter(self._to_delete.add(kinds.count("delete")))
        return [line(kind, chance, gone) for kind in kinds]

    def _new_tokens(self, plan: list[Line]) -> Path:
        self._serial += 1
        file = self._folder / "new-tokens"
        first = self._serial << 32
        file.write_text("\n".join(self._token(USERS[user], first + n) for n, (_, _, user, _) in enumerate(plan)))
        return file


def line(kind: str, chance: random.Random, gone: Any) -> Line:
    user = chance.randrange(len(USERS))
    if kind == "delete":
        user, ident = next(gone)
        return ("DELETE", f"/api/{USERS[user]}/tasks/{ident}", user, "")
    if kind == "list":
        return ("GET", f"/api/{USERS[user]}/tasks?limit=50", user, "")
    if kind == "post":
        return ("POST", f"/api/{USERS[user]}/tasks", user, BODY)
    path = f"/api/{USERS[user]}/tasks/{task_id(user, chance.randrange(TASKS_EACH))}"
    if kind == "patch":
        return ("PATCH", path, user, json.dumps({"completed": chance.random() < 0.5}))
    return ("GET", path, user, "")


def read_result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    for text in done.stdout.splitlines():
        if text.startswith("RESULT "):
            result: dict[str, Any] = json.loads(text.removeprefix("RESULT "))
            return result
    raise RuntimeError(f"wrk: {done.stdout}{done.stderr}")
