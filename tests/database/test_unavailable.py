"""An unusable database: DatabaseUnavailable, without the driver's text."""

import traceback
from uuid import uuid4

import pytest
from sqlalchemy import text

from taskward.database.engine import Database
from taskward.database.statement import ServerQuestion
from taskward.problems import DatabaseUnavailable
from taskward.tasks import sql as statements

WRITTEN = "hunter2"
ONE = ServerQuestion(text("SELECT 1 AS one"))


async def test_a_statement_answers_rows(database_url: str) -> None:
    db = Database(database_url, pool_size=1)
    await db.open()
    try:
        assert (await db.ask(ONE))[0]["one"] == 1
    finally:
        await db.close()


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda url: f"{url}?no_such_setting=1", "42704"),
        (lambda url: url.replace("://", "://nobody-we-know@", 1).replace("nobody-we-know@taskward:", "nobody:"), "28"),
        (lambda url: f"{url}_that_is_not_there", "3D000"),
    ],
    ids=["a parameter the server does not know", "a role that may not", "a database that is not there"],
)
async def test_an_address_that_leads_nowhere_is_unavailable_with_its_state_and_no_crash(
    database_url: str, change: object, state: str
) -> None:
    assert callable(change)
    db = Database(change(database_url), pool_size=1)
    await db.open()
    try:
        with pytest.raises(DatabaseUnavailable) as refusal:
            await db.ask(ONE)
    finally:
        await db.close()
    assert state in refusal.value.reason
    assert "nobody" not in refusal.value.detail
    assert "taskward_test" not in refusal.value.detail


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"id": uuid4(), "title": ""}, "tasks_title_check"),
        ({"id": WRITTEN, "title": "a"}, "DataError"),
    ],
    ids=["a row that a constraint refuses", "an argument that its column cannot hold"],
)
async def test_a_failed_statement_is_logged_without_values_of_rows(
    database_url: str, values: dict[str, object], what: str
) -> None:
    """PostgreSQL's DETAIL holds the whole row, asyncpg's message the argument; tracebacks go to the log."""
    db = Database(database_url, pool_size=1)
    await db.open()
    try:
        with pytest.raises(Exception) as bug:  # noqa: PT011 - whatever the driver raises
            await db.of("alice").all(statements.CREATE, {"description": WRITTEN, "completed": False, **values})
    finally:
        await db.close()
    told = "".join(traceback.format_exception(bug.value))
    assert what in told
    assert WRITTEN not in told
