"""Statements that could reach rows of another owner do not compile."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import (
    and_,
    bindparam,
    case,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    table,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from taskward.database.proofs import used_proofs
from taskward.database.statement import OWNER, ServerQuestion, Statement
from taskward.tasks.table import idempotency_keys as keys
from taskward.tasks.table import tasks

MINE = tasks.c.user_id == OWNER
OTHER = tasks.alias("other")

REFUSED: dict[str, Any] = {
    "all rows": select(tasks),
    "all rows of an alias": select(OTHER),
    "an owner beside an OR": select(tasks).where(or_(MINE, tasks.c.completed)),
    "everybody but the owner": select(tasks).where(tasks.c.user_id != OWNER),
    "a negated owner": select(tasks).where(~MINE),
    "an owner compared with false": select(tasks).where(MINE.is_(False)),
    "an owner within a CASE": select(tasks).where(case((tasks.c.completed, MINE), else_=True)),
    "another parameter as owner": select(tasks).where(tasks.c.user_id == bindparam("user")),
    "a constant owner": select(tasks).where(tasks.c.user_id == "bob"),
    "a subquery of everybody": select(tasks).where(MINE, tasks.c.id.in_(select(keys.c.task_id))),
    "a scalar subquery of everybody": select(func.count(select(OTHER.c.id).scalar_subquery())).where(MINE),
    "EXISTS over everybody": select(tasks).where(MINE, exists().where(OTHER.c.completed)),
    "a join to everybody": select(tasks).join(OTHER, OTHER.c.id == tasks.c.id).where(MINE),
    "a cartesian product": select(tasks, keys).where(MINE),
    "a left join whose ON filters the left": select(tasks).outerjoin(keys, and_(MINE, keys.c.user_id == OWNER)),
    "a full join": select(tasks).join(keys, keys.c.user_id == OWNER, full=True).where(MINE),
    "a union with everybody": select(tasks.c.id).where(MINE).union(select(tasks.c.id)),
    "a CTE of everybody": select(select(tasks).cte()),
    "a deletion of all": delete(tasks),
    "a deletion using everybody's": delete(tasks).where(MINE, tasks.c.id == keys.c.task_id),
    "a change of all": update(tasks).values(title="x"),
    "a change from everybody's": update(tasks).where(MINE, tasks.c.id == keys.c.task_id).values(title="x"),
    "a gift to another": update(tasks).where(MINE).values(user_id="bob"),
    "a row without owner": insert(tasks).values(id=bindparam("id"), user_id=None),
    "a row of another": insert(tasks).values(user_id="bob", id=bindparam("id")),
    "several rows": insert(tasks).values([{"user_id": OWNER, "id": uuid4()}, {"user_id": "bob", "id": uuid4()}]),
    "rows of another from a select": insert(tasks).from_select(
        ["id", "user_id"], select(tasks.c.id, literal("bob")).where(MINE)
    ),
    "a conflict that changes another's row": upsert(tasks)
    .values(user_id=OWNER, id=bindparam("id"))
    .on_conflict_do_update(index_elements=["id"], set_={"title": "x"}),
    "SQL as text": text("SELECT * FROM tasks WHERE user_id = :owner"),
    "a condition as text": select(tasks).where(MINE, text("true")),
    "a table by its name": select(table("tasks", column("id"))),
    "no table at all": select(literal_column("1")),
}


@pytest.mark.parametrize("clause", REFUSED.values(), ids=REFUSED)
def test_a_statement_that_could_reach_anothers_rows_does_not_compile(clause: Any) -> None:
    with pytest.raises(TypeError, match="owner"):
        Statement(clause)


ALLOWED: dict[str, Any] = {
    "by owner": select(tasks).where(MINE),
    "by owner and more": select(tasks).where(and_(MINE, or_(tasks.c.completed, tasks.c.title == "x"))),
    "an alias": select(OTHER).where(OTHER.c.user_id == OWNER),
    "a join by owner": select(tasks).join(OTHER, OTHER.c.user_id == tasks.c.user_id).where(MINE),
    "a left join by owner": select(tasks).outerjoin(keys, keys.c.user_id == tasks.c.user_id).where(MINE),
    "a row": insert(tasks).values(user_id=OWNER, id=bindparam("id")),
}


@pytest.mark.parametrize("clause", ALLOWED.values(), ids=ALLOWED)
def test_a_statement_bound_to_its_owner_at_every_table_compiles(clause: Any) -> None:
    assert "owner" in Statement(clause).names


def test_a_question_about_the_server_reaches_no_table_of_ours() -> None:
    with pytest.raises(TypeError, match="rows of people"):
        ServerQuestion(select(tasks).where(MINE))
    for clause in (
        insert(tasks).values(user_id=OWNER, id=func.uuidv7(), title="t"),
        delete(tasks).where(MINE),
        update(tasks).values(title="t").where(MINE),
        select(literal(1)).where(select(tasks.c.id).exists()),
        select(insert(tasks).values(user_id=OWNER, id=func.uuidv7(), title="t").returning(tasks.c.id).cte().c.id),
    ):
        with pytest.raises(TypeError, match="rows of people"):
            ServerQuestion(clause)
    assert ServerQuestion(select(used_proofs)).sql
    assert ServerQuestion(select(func.version())).sql


def test_a_statement_that_does_not_bind_its_owner_is_refused_when_it_is_made() -> None:
    with pytest.raises(TypeError, match="without their owner"):
        Statement(select(tasks))
