"""Statements for Citus: no STABLE function of a column in RETURNING or SET."""

from __future__ import annotations

import re

import asyncpg
import pytest

from tests.support.crowd import STATEMENTS

#: What SET may compute, with the functions and operators that PostgreSQL resolves it to.
LATER = (
    "greatest(now(), timezone(interval '0', timezone(interval '0', tasks.updated_at) + interval '1 microsecond'))",
    {
        "timezone(interval,timestamp with time zone)",
        "timestamp_pl_interval(timestamp without time zone,interval)",
        "timezone(interval,timestamp without time zone)",
    },
)


def parts(sql: str) -> tuple[str, str]:
    """SET and RETURNING of a statement, on one line each."""
    flat = " ".join(sql.split())
    found = re.search(r" SET (.*?)(?: WHERE | RETURNING |$)", flat)
    returned = re.search(r" RETURNING ([^()]*?)(?:\)|$)", flat)
    return (found[1] if found else "", returned[1] if returned else "")


@pytest.mark.parametrize("name", STATEMENTS)
def test_returning_names_columns_and_calls_nothing(name: str) -> None:
    _, returned = parts(STATEMENTS[name].sql)
    for column in filter(None, returned.split(", ")):
        assert re.fullmatch(r"(\w+\.)?\w+", column), column


@pytest.mark.parametrize("name", [name for name in STATEMENTS if name.startswith("changing")])
def test_set_computes_nothing_from_a_column_but_the_later_time_and_the_opposite_state(name: str) -> None:
    changed, _ = parts(STATEMENTS[name].sql)
    rest = changed.replace(f"updated_at={LATER[0]}", "").replace("completed=NOT tasks.completed", "")
    assert re.fullmatch(r"(, |\w+=\$\d+::[A-Z]+(\(\d+\))?)*", rest), changed


async def test_the_functions_of_updated_at_are_immutable(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        for function in LATER[1]:
            volatility = await connection.fetchval(
                "SELECT provolatile FROM pg_proc WHERE oid = $1::text::regprocedure", function
            )
            assert volatility == b"i", function
    finally:
        await connection.close()
