"""Where the figures go: the console, results/*.json, and docs/performance.md between its markers."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.goals import LIMITED, goals
from benchmarks.ground import PYTHON, RESULTS, ROOT
from benchmarks.load import OPERATIONS, Cell
from benchmarks.measure import Cells, middle, ratio
from benchmarks.servers import PEERS

DOCUMENT = ROOT / "docs" / "performance.md"
PEERS_BEATEN = ("fastapi", "fastify")
NAMES = {peer.name: peer.label for peer in PEERS}


def tick(cell: Cell) -> None:
    """A line for each run, so that nobody wonders whether it still works."""
    print(
        f"  {cell.operation:7}{cell.connections:3} {cell.server:9}"
        f"{cell.service_us:7.0f} + {cell.database_us:4.0f} µs {cell.rate:8.0f}/s p99 {cell.p99:.1f} ms",
        flush=True,
    )


def show(cells: Cells, extras: dict[str, Any]) -> None:
    """Medians and goals, for a person at a console."""
    print()
    for line in medians(cells, 16):
        print(line)
    print()
    for line in table(cells, extras):
        print(line)


def keep(name: str, found: dict[str, Any]) -> None:
    """The raw data of a run, with what it ran on."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine(), **found}, indent=1) + "\n")


def write() -> None:
    """Plots, and the document, out of whatever results there are."""
    peers, scale = kept("peers"), kept("scale")
    if peers is None:
        return
    cells = [Cell(**cell) for cell in peers["cells"]]
    extras = peers["extras"] | ((scale or {}).get("extras") or {})
    subprocess.run([PYTHON, "-m", "benchmarks.plots"], cwd=ROOT, check=True)
    sections = {"goals": table(cells, extras), "machine": told(peers["machine"])}
    for connections in (1, 16, 64):
        sections[f"peers-{connections}"] = medians(cells, connections)
    sections["extras"] = told_extras(cells, extras) if "stalls" in extras else ["Not measured here yet: `make bench`."]
    sections["scale"] = (scale or {}).get("lines") or ["Not measured here yet: `python -m benchmarks --scale`."]
    text = DOCUMENT.read_text()
    for name, lines in sections.items():
        text = between(text, name, "\n".join(lines))
    DOCUMENT.write_text(text)


def kept(name: str) -> dict[str, Any] | None:
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else None


def between(text: str, name: str, content: str) -> str:
    """The text with what is between the two markers of `name` replaced."""
    opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = text.partition(opening)
    _, found, after = rest.partition(closing)
    if not found:
        raise ValueError(f"{DOCUMENT.name} has no markers for {name}")
    return before + opening + content + "\n" + closing + after


def medians(cells: Cells, connections: int) -> list[str]:
    """A Markdown table: a row for each operation and server."""
    lines = [
        "| | | CPU service | + PostgreSQL | = µs a request | against Fastify | requests/s | p50 ms | p99 ms |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for operation in OPERATIONS:
        for name, label in NAMES.items():
            figures = [
                middle(cells, name, operation, connections, figure)
                for figure in ("service_us", "database_us", "total_us", "rate", "p50", "p99")
            ]
            if figures[0] is None:
                continue
            service, database, total, rate, p50, p99 = figures
            against = ratio(cells, name, "fastify", operation, connections, "total_us")
            lines.append(
                f"| {operation} | {label} | {service:.0f} | {database:.0f} | {total:.0f} | {against or 0:.2f} "
                f"| {rate:,.0f} | {p50 or 0:.2f} | {p99:.1f} |"
            )
    return lines


def table(cells: Cells, extras: dict[str, Any]) -> list[str]:
    """The goals and what was found, as a Markdown table."""
    lines = ["| goal | bound | found | |", "|---|---:|---:|---|"]
    for goal in goals(cells, extras):
        found = "–" if goal.found is None else f"{goal.found:.2f}{goal.unit}"
        word = {None: "not in this run", True: "reached", False: "**missed**"}[goal.reached]
        lines.append(f"| {goal.what} | {goal.sign} {goal.bound:g}{goal.unit} | {found} | {word} |")
    return lines


def told_extras(cells: Cells, extras: dict[str, Any]) -> list[str]:
    """The other figures, a line each."""
    limits = (
        f"{operation} {against['fastapi']:.2f} and {against['fastify']:.2f}"
        for operation in LIMITED
        if (against := {peer: ratio(cells, "limit", peer, operation, 16, "total_us") or 0 for peer in PEERS_BEATEN})
    )
    sight, stalls = extras["first_sight_us"], extras["stalls"]
    lines = [
        f"- A token in process: signature alone {sight['raw_us']:.0f} µs on the event loop and "
        f"{sight['threaded_us']:.0f} µs handed to a thread, first sight {sight['full_us']:.0f} µs "
        f"({sight['ratio']:.2f} ×), seen before {sight['warm_us']:.1f} µs.",
        f"- A get of one task: {extras['warm_request_us']:.0f} µs of the service's processor time with a token seen "
        f"before, {extras['first_sight_request_us']:.0f} µs with a new one each time.",
        f"- Key set fetches during the whole run, one server each: {counted(extras['fetches'])}. Under a flood of "
        f"tokens with made-up key ids: {extras['flood_fetches']:.2f} a second.",
        "- From start to the first authenticated answer out of the database: "
        + ", ".join(f"{NAMES[name]} {seconds:.2f} s" for name, seconds in extras["starts"].items())
        + ".",
        "- Resident memory at start / after all the load: "
        + ", ".join(
            f"{NAMES[name]} {megabytes:.0f} / {extras['memory'][name]:.0f} MB"
            for name, megabytes in extras["memory_at_start"].items()
        )
        + ".",
        "- An authenticator's process after so many distinct tokens: "
        + ", ".join(f"{count:,}: {megabytes:.1f} MB" for count, megabytes in extras["memory_tokens"])
        + ".",
    ]
    lines.append(
        f"- Two workers against one, lists at 64 connections: {extras['workers']:.2f} × the requests a second and "
        f"{extras['workers_cpu']:.2f} × the processor time for each. Of the two cores here, PostgreSQL and wrk already "
        "use the second: the ratio of processor time says that workers share nothing they would wait for."
    )
    lines.append(f"- What is left of FastAPI's and of Fastify's processor time at the limit: {', '.join(limits)}.")
    for name, told in stalls.items():
        lines.append(
            f"- Event loop under load, {name} tokens: {told['turns']:,} turns, {told['stalls']} of them over 5 ms of "
            f"processor time; 99 % under {told['p99_ms']:.1f} ms, longest {told['longest_ms']:.1f} ms."
        )
    return lines


def counted(fetches: dict[str, int]) -> str:
    return ", ".join(f"{NAMES[name]} {count}" for name, count in fetches.items() if name in NAMES)


def machine() -> dict[str, str]:
    cpus = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    node = subprocess.run(["node", "--version"], capture_output=True, text=True)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit.stdout.strip(),
        "processors": f"{len(cpus)} × {cpus[0] if cpus else platform.machine()}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "node": node.stdout.strip(),
        "load": f"{os.getloadavg()[1]:.1f}",
    }


def told(on: dict[str, str]) -> list[str]:
    return [
        f"{on['date']}, commit {on['commit']}: {on['processors']}, Linux {on['kernel']}, Python {on['python']}, "
        f"Node {on['node']}, load average {on['load']} over five minutes (over 3: somebody else worked here too); "
        "PostgreSQL, the service and wrk share the machine. One worker each, pools of ten."
    ]
