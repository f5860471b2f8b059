"""The measurements: servers take turns, so that other load on the machine affects all of them."""

from collections.abc import Iterator
from statistics import median

from benchmarks.load import OPERATIONS, Cell, Load
from benchmarks.servers import Server

Cells = list[Cell]


def warm_up(load: Load, servers: list[Server], seconds: float) -> None:
    """Until compilers and caches have seen every kind of request (V8 takes some seconds)."""
    for server in servers:
        for operation in ("list", "post", "patch", "delete", "get"):
            load.run(server, operation, 16, seconds)


def alternate(
    load: Load, servers: list[Server], operations: tuple[str, ...], connections: int, seconds: float, rounds: int
) -> Iterator[Cell]:
    """A B C, A B C, …: for each operation `rounds` times."""
    for operation in operations:
        for _ in range(rounds):
            for server in servers:
                yield load.run(server, operation, connections, seconds)


def middle(cells: Cells, server: str, operation: str, connections: int, figure: str) -> float | None:
    """The median of one figure over the rounds."""
    found = [getattr(cell, figure) for cell in select(cells, server, operation, connections)]
    return median(found) if found else None


def ratio(cells: Cells, server: str, other: str, operation: str, connections: int, figure: str) -> float | None:
    """The median over the rounds of server / other, each round by itself: what disturbed a round disturbed both."""
    pairs = zip(
        select(cells, server, operation, connections), select(cells, other, operation, connections), strict=False
    )
    ratios = [getattr(mine, figure) / getattr(theirs, figure) for mine, theirs in pairs]
    return median(ratios) if ratios else None


def select(cells: Cells, server: str, operation: str, connections: int) -> Cells:
    wanted = (server, operation, connections)
    return [cell for cell in cells if (cell.server, cell.operation, cell.connections) == wanted]


__all__ = ["OPERATIONS", "alternate", "middle", "ratio", "select", "warm_up"]
