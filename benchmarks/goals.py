"""What was promised (the goals), and what a run found beside it."""

from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Cells, ratio

#: The most processor time an operation may take, against Fastify's.
LIMITED = {"get": 0.65, "list": 0.65, "post": 0.7, "patch": 0.7, "mixed": 0.65}


@dataclass(frozen=True)
class Goal:
    """`found` is compared with `bound`: at most, unless `at_least`. `found` None: not measured in this run."""

    what: str
    bound: float
    found: float | None
    at_least: bool = False
    unit: str = ""

    @property
    def reached(self) -> bool | None:
        if self.found is None:
            return None
        return self.found >= self.bound if self.at_least else self.found <= self.bound

    @property
    def sign(self) -> str:
        return "≥" if self.at_least else "≤"


def goals(cells: Cells, extras: dict[str, Any]) -> list[Goal]:
    """Every goal, in the order in which a reader wants them."""
    found: list[Goal] = []
    for operation, bound in LIMITED.items():
        value = ratio(cells, "taskward", "fastify", operation, 16, "total_us")
        found.append(Goal(f"processor time, service + PostgreSQL, against Fastify: {operation}", bound, value))
    for operation in LIMITED:
        value = ratio(cells, "taskward", "fastify", operation, 16, "rate")
        found.append(Goal(f"requests a second, against Fastify: {operation}", 1.3, value, at_least=True))
    for operation in LIMITED:
        value = ratio(cells, "taskward", "fastapi", operation, 16, "total_us")
        found.append(Goal(f"processor time, service + PostgreSQL, against FastAPI: {operation}", 0.15, value))
    tokens = extras.get("memory_tokens") or [[1_000_000, 0]]
    last = tokens[-1][0]
    measured = [
        ("authenticated against unauthenticated, warm token", 1.05, "authentication", ""),
        ("a get with 100,000 revocations, or fewer, against one without", 1.01, "revocation", ""),
        ("first sight of a token against the raw signature check", 1.3, "first_sight", ""),
        ("get at 10,000,000 tasks against 10,000", 1.1, "scale_get", ""),
        ("list at 10,000,000 tasks against 10,000", 1.1, "scale_list", ""),
        ("key set fetches a second under a flood of unknown keys", 1.0, "flood_fetches", ""),
        ("a get beside 1,000 idle event streams", 1.02, "streams_get", ""),
        ("memory of an idle event stream", 20.0, "stream_kb", " kB"),
        ("start to first answer", 0.7, "start", " s"),
        ("resident memory of a worker after load", 75.0, "memory_loaded", " MB"),
        (f"growth of memory from {last // 10:,} to {last:,} distinct tokens", 1.0, "memory_growth", " MB"),
    ]
    found += [Goal(what, bound, extras.get(key), unit=unit) for what, bound, key, unit in measured]
    found.append(
        Goal(
            "two workers against one, requests a second (needs cores to spare)",
            1.8,
            extras.get("workers"),
            at_least=True,
        )
    )
    return found
