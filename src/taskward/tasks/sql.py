"""The SQL of the tasks, written with SQLAlchemy Core and compiled once, each statement binding its ``owner``."""

from functools import cache
from typing import Any

from sqlalchemy import Executable, bindparam, cast, delete, false, func, insert, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import DateTime, Integer, LargeBinary, String, Text, Uuid

from taskward.database.engine import Statement
from taskward.tasks.table import idempotency_keys, tasks

#: A task as everybody outside sees it: its owner is not told, because it is always the one who asks.
FIELDS = ("id", "title", "description", "completed", "created_at", "updated_at")


def _printed(column: Any, name: str) -> Any:
    """A time as PostgreSQL prints it in UTC, ``2026-11-21 10:00:00.12``.

    Not as a time: making 100 datetimes of a list of 50 costs asyncpg 46 µs, printing them costs PostgreSQL 13.
    """
    return cast(func.timezone(literal_column("interval '0'"), column), Text).label(name)


COLUMNS = (*(tasks.c[name] for name in FIELDS[:4]), *(_printed(tasks.c[name], name) for name in FIELDS[4:]))

_owner: Any = bindparam("owner", type_=String)
_id: Any = bindparam("id", type_=Uuid)
_mine = tasks.c.user_id == _owner
_this = (_mine, tasks.c.id == _id)
# Strictly later than before, even where the clock stands still or goes back: it is the entity tag.
_now_or_later = func.greatest(func.now(), tasks.c.updated_at + literal_column("interval '1 microsecond'"))
_unless_changed = tasks.c.updated_at == func.any(bindparam("versions", type_=ARRAY(DateTime(timezone=True))))


def _value(name: str) -> Any:
    return bindparam(name, type_=tasks.c[name].type)


def owned(clause: Executable) -> Statement:
    """Compile a statement; one that does not bind its owner is refused when this module is imported."""
    statement = Statement(clause)
    if "owner" not in statement.names:
        raise TypeError(f"a statement without its owner: {statement.sql}")
    return statement


GET = owned(select(*COLUMNS).where(*_this))

COUNTS = owned(
    select(
        func.count().filter(~tasks.c.completed).label("open"),
        func.count().filter(tasks.c.completed).label("completed"),
    ).where(_mine)
)

CREATE = owned(
    insert(tasks)
    .values(
        user_id=_owner, id=_id, title=_value("title"), description=_value("description"), completed=_value("completed")
    )
    .returning(*COLUMNS)
)

_KEY_LIFETIME: Any = literal_column("interval '24 hours'")
_expired = (
    delete(idempotency_keys)
    .where(idempotency_keys.c.user_id == _owner, idempotency_keys.c.created_at < func.now() - _KEY_LIFETIME)
    .cte("expired")
)
_claimed = (
    upsert(idempotency_keys)
    .values(
        user_id=_owner,
        key=bindparam("key", type_=String),
        fingerprint=bindparam("fingerprint", type_=LargeBinary),
        task_id=_id,
    )
    .on_conflict_do_nothing()
    .returning(idempotency_keys.c.task_id)
    .cte("claimed")
)

#: The key and the task in one statement: both are stored or neither is, and of two at once one waits and finds nothing.
CREATE_ONCE = owned(
    insert(tasks)
    .from_select(
        ["user_id", "id", "title", "description", "completed"],
        select(_owner, _claimed.c.task_id, _value("title"), _value("description"), _value("completed")),
    )
    .returning(*COLUMNS)
    .add_cte(_expired)
)

#: What a key was used for; the task's columns are null when it has been deleted since.
CREATED_BEFORE = owned(
    select(
        idempotency_keys.c.fingerprint,
        idempotency_keys.c.task_id,
        _printed(idempotency_keys.c.created_at, "first_created_at"),
        *COLUMNS,
    )
    .select_from(
        idempotency_keys.outerjoin(
            tasks, (tasks.c.user_id == idempotency_keys.c.user_id) & (tasks.c.id == idempotency_keys.c.task_id)
        )
    )
    .where(idempotency_keys.c.user_id == _owner, idempotency_keys.c.key == bindparam("key", type_=String))
)


@cache
def clearing(*, bounded: bool) -> Statement:
    """Delete all tasks in one state; ``bounded``: only those not changed after ``until``."""
    clause = delete(tasks).where(_mine, tasks.c.completed == _value("completed"))
    if bounded:
        clause = clause.where(tasks.c.updated_at <= bindparam("until", type_=DateTime(timezone=True)))
    return owned(clause.returning(tasks.c.id))


@cache
def listing(*, by_state: bool, after: bool, search: bool) -> Statement:
    """Newest first. One statement for each combination, so that each gets a plan of its own."""
    clause = select(*COLUMNS).where(_mine)
    if by_state:
        clause = clause.where(tasks.c.completed == _value("completed"))
    if after:
        clause = clause.where(tasks.c.id < _id)
    if search:
        pattern: Any = bindparam("pattern", type_=String)
        found = or_(tasks.c.title.ilike(pattern, escape="\\"), tasks.c.description.ilike(pattern, escape="\\"))
        # COALESCE changes no answer. It keeps the planner from believing that next to nothing will match: then it
        # would read and sort all of a person's tasks, where walking them newest first can stop at a page of matches.
        clause = clause.where(func.coalesce(found, false()))
    return owned(clause.order_by(tasks.c.id.desc()).limit(bindparam("limit", type_=Integer)))


@cache
def changing(fields: frozenset[str], *, guarded: bool) -> Statement:
    """Set some fields of one task; ``guarded`` for If-Match. ``toggle`` stands for completed set to its opposite."""
    values: dict[str, Any] = {name: _value(name) for name in fields - {"toggle"}}
    if "toggle" in fields:
        values["completed"] = ~tasks.c.completed
    clause = update(tasks).where(*_this).values(**values, updated_at=_now_or_later)
    return owned((clause.where(_unless_changed) if guarded else clause).returning(*COLUMNS))


@cache
def deleting(*, guarded: bool) -> Statement:
    clause = delete(tasks).where(*_this)
    return owned((clause.where(_unless_changed) if guarded else clause).returning(tasks.c.id))
