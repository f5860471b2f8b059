"""The plots of docs/performance.md, out of results/peers.json: PNG and SVG, run by the benchmarks' own environment."""

import json
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
OPERATIONS = ("get", "list", "post", "patch", "delete", "mixed")
#: Name, label and colour (Okabe and Ito's, which colour-blind people tell apart).
SERVERS = (
    ("fastapi", "FastAPI + SQLModel + PyJWT", "#D55E00"),
    ("fastify", "Fastify 5 + jose + pg", "#E69F00"),
    ("taskward", "Taskward", "#0072B2"),
    ("limit", "limit: bare ASGI + asyncpg, no authentication", "#999999"),
)


def main() -> None:
    cells = json.loads((RESULTS / "peers.json").read_text())["cells"]
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "x"})
    processor_time(cells)
    rates(cells)


def processor_time(cells: list[dict[str, Any]]) -> None:
    """Stacked: the service's and PostgreSQL's, at 16 connections; FastAPI's bars would dwarf the rest."""
    figure, axes = plt.subplots(figsize=(9, 4.2), layout="constrained")
    shown = SERVERS[1:]
    for number, (name, label, colour) in enumerate(shown):
        at = [position + (number - 1) * 0.27 for position in range(len(OPERATIONS))]
        service = [middle(cells, name, operation, 16, "service_us") for operation in OPERATIONS]
        database = [middle(cells, name, operation, 16, "database_us") for operation in OPERATIONS]
        axes.bar(at, service, 0.25, color=colour, label=label)
        axes.bar(at, database, 0.25, bottom=service, color=colour, alpha=0.45, label=None)
    axes.set_xticks(range(len(OPERATIONS)), OPERATIONS)
    axes.set_ylabel("processor time a request, µs")
    axes.set_title("Service (solid) + PostgreSQL (pale), 16 connections", loc="left", fontsize=10)
    axes.legend(frameon=False)
    save(figure, "processor-time")


def rates(cells: list[dict[str, Any]]) -> None:
    """Requests a second over connections, an operation a panel."""
    figure, panels = plt.subplots(1, 4, figsize=(11, 3.2), layout="constrained", sharex=True)
    for axes, operation in zip(panels, ("get", "list", "post", "mixed"), strict=True):
        for name, label, colour in SERVERS:
            rate = [middle(cells, name, operation, connections, "rate") for connections in (1, 16, 64)]
            axes.plot([1, 16, 64], rate, "o-", color=colour, label=label)
        axes.set_xscale("log", base=2)
        axes.set_xticks([1, 16, 64], ["1", "16", "64"])
        axes.set_ylim(bottom=0)
        axes.set_title(operation, loc="left", fontsize=10)
        axes.set_xlabel("connections")
    panels[0].set_ylabel("requests a second")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    save(figure, "requests-per-second")


def middle(cells: list[dict[str, Any]], name: str, operation: str, connections: int, figure: str) -> float:
    wanted = (name, operation, connections)
    found = [cell[figure] for cell in cells if (cell["server"], cell["operation"], cell["connections"]) == wanted]
    return median(found) if found else float("nan")  # not in that run: nothing is drawn


def save(figure: Any, name: str) -> None:
    for kind in ("png", "svg"):
        figure.savefig(RESULTS / f"{name}.{kind}", dpi=140, metadata={"Date": None} if kind == "svg" else None)
    plt.close(figure)


if __name__ == "__main__":
    main()
