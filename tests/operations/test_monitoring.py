"""Alerts and dashboard: valid for Prometheus, with existing metrics, and a section of the manual for each alert."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from taskward import problems
from taskward.operating.metrics import Metrics
from tokenward.errors import Unavailable

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "ops/prometheus/alerts.yml"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
]
DASHBOARD = json.loads((ROOT / "ops/grafana/taskward.json").read_text())
MADE_BY_PROMETHEUS = {"up"}

needs_promtool = pytest.mark.skipif(
    "CI" not in os.environ and not shutil.which("promtool"), reason="promtool is not installed (Debian: prometheus)"
)


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])


def metrics_of(expression: str) -> set[str]:
    without_labels = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", expression)
    return {name for name in re.findall(r"[a-z_]+\b(?!\s*\()", without_labels) if name.startswith("taskward_")}


def test_every_metric_that_is_named_exists() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.answered("GET", "/", 200, 0.1)
    metrics.authenticated("cached")
    metrics.fetched("replaced", 0.1)
    metrics.state(1, 1, 1)
    metrics.revocations(1, 1)
    metrics.streaming(1)
    samples = {sample.name for family in registry.collect() for sample in family.samples}
    named = {name for expression in expressions() for name in metrics_of(expression)}
    assert named, "the expressions are not read"
    assert named - MADE_BY_PROMETHEUS <= samples
    families = {family.name for family in registry.collect()}
    assert {name for family in families for name in named if name.startswith(family)} == named
    unseen = {family for family in families if not any(name.startswith(family) for name in named)}
    assert not unseen, "a metric that neither the dashboard nor an alert looks at"


@needs_promtool
def test_prometheus_takes_the_alerts_and_each_fires_for_its_fault_alone() -> None:
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=ALERTS.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    tried = (ALERTS.parent / "alerts_test.yml").read_text()
    assert all(rule["alert"] in tried for rule in RULES)


@needs_promtool
def test_prometheus_reads_every_query_of_the_dashboard(tmp_path: Path) -> None:
    queries = [expression.replace("$__rate_interval", "5m") for expression in expressions()]
    rules = [{"record": f"taskward:query:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_every_alert_has_its_page_with_three_commands(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["runbook"] == f"docs/operating.md#{rule['alert'].lower()}"
    page = re.search(
        rf"^### {rule['alert']}\n(.*?)(?=^##)", (ROOT / "docs/operating.md").read_text() + "\n##", re.M | re.S
    )
    assert page, f"docs/operating.md has no section for {rule['alert']}"
    commands = [
        line
        for block in re.findall(r"```sh\n(.*?)```", page[1], re.S)
        for line in block.splitlines()
        if line and not line.startswith(("#", " "))
    ]
    assert len(commands) >= 3, "the first three commands"


def test_the_manual_says_what_to_do_for_each_code_of_a_503() -> None:
    page = re.search(r"^### TaskwardUnavailable\n(.*?)^##", (ROOT / "docs/operating.md").read_text(), re.M | re.S)
    assert page
    kinds = [kind for kind in vars(problems).values() if isinstance(kind, problems.Kind) and kind.status == 503]
    codes = {kind.code for kind in kinds} | {error.code for error in Unavailable.__subclasses__()}
    assert len(codes) >= 5
    assert codes == set(re.findall(r"^\| `([a-z_]+)` \|", page[1], re.M))


def test_a_token_that_cannot_be_judged_is_counted_as_such_and_not_as_refused() -> None:
    outcomes = [error.code for error in Unavailable.__subclasses__()]
    panels = {panel["title"]: panel["targets"][0]["expr"] for panel in DASHBOARD["panels"]}
    refused = next(rule["expr"] for rule in RULES if rule["alert"] == "TaskwardTokensRefused")
    for expression in (refused, panels["Refused tokens by reason"]):
        excluded = re.search(r'outcome!~"([^"]*)"', expression)
        assert excluded
        assert all(re.fullmatch(excluded[1], outcome) for outcome in outcomes)
    shown = re.search(r'outcome=~"([^"]*)"', panels["Tokens that cannot be judged, by cause"])
    assert shown
    assert all(re.fullmatch(shown[1], outcome) for outcome in outcomes)


def test_the_dashboards_panels_do_not_overlap_and_say_what_they_show() -> None:
    places = [tuple(panel["gridPos"][key] for key in "xy") for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    assert all(panel["description"] and panel["title"] for panel in DASHBOARD["panels"])
