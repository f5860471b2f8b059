"""The pytest plugin that writes the counts of a run to docs/reliability.md.

    pytest tests/faults -m "torture or not torture" --write-reliability docs/reliability.md

A test asks for ``reliability`` and hands over its figures: ``reliability("gzip bomb", requests=900, refused=0)``.
"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Report = Callable[..., None]
_OUTCOMES: Counter[str] = Counter()
_SUMMARY = pytest.StashKey["Summary"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-reliability", metavar="FILE", help="write the counts of this run into this file")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SUMMARY] = Summary()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    target = session.config.getoption("--write-reliability")
    summary = session.config.stash[_SUMMARY]
    if target and summary.sections:
        Path(target).write_text(summary.markdown(session), encoding="utf-8")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        _OUTCOMES[report.outcome] += 1


@pytest.fixture
def reliability(request: pytest.FixtureRequest) -> Report:
    """Records the counts of one trial under a name."""
    summary = request.config.stash[_SUMMARY]
    title = (request.module.__doc__ or request.module.__name__).strip().splitlines()[0]

    def note(name: str, **figures: Any) -> None:
        summary.sections.setdefault(title, {})[name] = figures

    return note


class Summary:
    """Sections by the first line of the test module that counted, rows by name."""

    def __init__(self) -> None:
        self.sections: dict[str, dict[str, dict[str, Any]]] = {}

    def markdown(self, session: pytest.Session) -> str:
        lines = [
            "# Reliability",
            "",
            "The tests write this file (`make torture`); do not edit it. In columns of faults, such as missing,",
            "doubled, wrong, accepted or crashes, a number other than 0 fails the run.",
            "",
            f"{_told(session)}",
        ]
        for title, rows in self.sections.items():
            columns = list(dict.fromkeys(name for figures in rows.values() for name in figures))
            lines += ["", f"## {title}", ""]
            lines.append("| | " + " | ".join(name.replace("_", " ") for name in columns) + " |")
            lines.append("|---|" + "---:|" * len(columns))
            for name, figures in rows.items():
                lines.append(f"| {name} | " + " | ".join(_cell(figures.get(column)) for column in columns) + " |")
            lines.append(f"| **{len(rows)} trials** | " + " | ".join(_total(rows, column) for column in columns) + " |")
        return "\n".join(lines) + "\n"


def _told(session: pytest.Session) -> str:
    when = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=session.config.rootpath,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    counted = ", ".join(f"{count} {outcome}" for outcome, count in sorted(_OUTCOMES.items()))
    return (
        f"{when} · commit {commit or 'unknown'} · Python {platform.python_version()} · {os.cpu_count()} cores "
        f"· tests in this run: {counted}"
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _total(rows: dict[str, dict[str, Any]], column: str) -> str:
    """The sum of a count; of seconds the longest; of anything else nothing."""
    values = [figures[column] for figures in rows.values() if column in figures]
    if not all(isinstance(value, int | float) for value in values):
        return ""
    if any(isinstance(value, float) for value in values):
        return f"≤ {max(values):,.2f}"
    return f"**{sum(values):,}**"
