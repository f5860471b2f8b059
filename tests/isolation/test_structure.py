"""Every SQL statement binds its owner at every table.

test_isolation.py tests the behaviour. Here all SQL is examined, and the code that may run it.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import taskward
from taskward.app import RESOURCES  # noqa: F401 - importing it declares the tables of every resource
from taskward.database.engine import Database, Rows
from taskward.database.schema import metadata
from taskward.database.statement import Statement
from taskward.tasks import repository
from taskward.tasks import sql as statements
from taskward.tasks.repository import Tasks
from tests.conftest import Introduce
from tests.isolation.test_isolation import EVENTS, NOWHERE, REQUESTS
from tests.support.crowd import STATEMENTS

SRC = Path(taskward.__file__).parent

TABLES = "|".join(metadata.tables)


def belongs_to_the_owner(statement: Statement) -> None:
    """Each place where the statement touches a table is tied to the owner's parameter."""
    owner = {f"${number}" for number, name in enumerate(statement.names, 1) if name == "owner"}
    assert owner, statement.sql
    sql = re.sub(r"(\$\d+)::[A-Za-z ]+(\(\d+\))?", r"\1", " ".join(statement.sql.split()))
    bound = {table: set(re.findall(rf"\b{table}\.user_id = (\$\d+)", sql)) for table in metadata.tables}
    joined = re.findall(rf"\b({TABLES})\.user_id = ({TABLES})\.user_id", sql)
    touched = re.findall(rf"(?:FROM|UPDATE|JOIN|USING) ({TABLES})\b", sql)
    inserted = re.findall(rf"INSERT INTO ({TABLES}) \(([^)]*)\) (?:VALUES \(|(?:\()?SELECT )(\$\d+)", sql)
    assert touched or inserted, sql
    assert len(re.findall(r"\bINSERT INTO\b", sql)) == len(inserted), sql
    for table in touched:
        tied = bound[table] or {
            next(iter(bound[other])) for pair in joined for other in pair if table in pair and bound[other]
        }
        assert tied, f"{table} without its owner: {sql}"
        assert tied <= owner, sql
    for _, columns, first in inserted:
        assert columns.split(", ")[0] == "user_id", sql
        assert first in owner, sql
    assert " OR " not in re.sub(r"\([^()]* OR [^()]*\)", "", sql), f"an OR that could let others in: {sql}"


@pytest.mark.parametrize(
    ("name", "statement"), STATEMENTS.items(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_statement_is_tied_to_its_owner_at_every_table(name: str, statement: Statement) -> None:
    belongs_to_the_owner(statement)


def test_no_way_to_make_a_statement_is_left_out_here() -> None:
    makers = {
        name
        for name, value in vars(statements).items()
        if callable(value) and getattr(value, "__module__", "") == statements.__name__ and not name.startswith("_")
    }
    assert makers == {name.partition("(")[0] for name in STATEMENTS if "(" in name}


def test_a_repository_is_made_for_one_owner_and_no_method_takes_a_user() -> None:
    assert list(inspect.signature(Tasks).parameters) == ["rows"]
    for name, method in inspect.getmembers(Tasks, inspect.isfunction):
        if name != "__init__":
            parameters = set(inspect.signature(method).parameters)
            assert not parameters & {"user", "user_id", "owner", "sub", "subject", "identity"}, name


def test_the_repository_has_rows_of_one_owner_and_no_other_way_to_the_database() -> None:
    tree = ast.parse(inspect.getsource(repository))
    ways = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert {way for way in ways if way.startswith("self._rows.")} == {"self._rows.all"}
    assert {name for name in vars(Rows) if not name.startswith("_")} == {"all", "owner"}
    assert {name for name, value in vars(Database).items() if callable(value) and not name.startswith("_")} == {
        *("open", "close", "of", "ask", "usage")
    }


def test_only_readiness_and_the_store_of_proofs_ask_a_question_that_names_no_owner() -> None:
    sources = {path.relative_to(SRC).as_posix(): path.read_text() for path in SRC.rglob("*.py")}
    assert {name for name, text in sources.items() if "ServerQuestion(" in text} == {
        "database/proofs.py",
        "database/statement.py",
        "operating/health.py",
    }


async def test_every_statement_that_really_runs_names_the_person_who_asked(
    person: Introduce, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[Statement, dict[str, Any]]] = []
    rows = Rows.all

    async def overheard(self: Rows, statement: Statement, values: Any) -> Any:
        ran.append((statement, {**values, "owner": self.owner}))
        return await rows(self, statement, values)

    monkeypatch.setattr(Rows, "all", overheard)
    for sub in ("alice", "bob"):
        somebody = await person(sub)
        key = {"idempotency-key": "the same for both"}
        made = (await somebody.post("/api/me/tasks", json={"title": "a"}, headers=key)).json()
        for method, path in REQUESTS.keys() - {("GET", EVENTS)}:  # a stream does not end, and runs no statement
            for task in (made["id"], NOWHERE):
                for request in REQUESTS[method, path]:
                    await somebody.request(method, path.format(user_id="me", id=task), **request)
        assert len(ran) > 20
        for statement, values in ran:
            belongs_to_the_owner(statement)
            assert values["owner"] == sub, statement.sql
        ran.clear()
