"""The SQL of the tasks, written in SQLAlchemy Core and compiled once.

Citus refuses STABLE functions of a column in RETURNING and SET, so there are none. Times are returned in binary
and formatted in Python: then no setting of the session changes an answer.
"""

from functools import cache
from typing import Any

from sqlalchemy import bindparam, cast, delete, extract, false, func, insert, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import DateTime, Integer, LargeBinary, String, Text, Uuid

from taskward.database.statement import OWNER, Statement
from taskward.tasks.bodies import FIELDS, WRITABLE
from taskward.tasks.table import idempotency_keys, tasks


def _shown(column: Any) -> Any:
    """The column as it is returned: a UUID as text, because Python needs it only to print it."""
    return cast(column, Text).label(column.name) if isinstance(column.type, Uuid) else column


COLUMNS = tuple(_shown(tasks.c[name]) for name in FIELDS)

_id: Any = bindparam("id", type_=Uuid)
_mine = tasks.c.user_id == OWNER
_this = (_mine, tasks.c.id == _id)

#: UTC as an interval. timezone() with an interval is IMMUTABLE, and therefore the sum below is.
_utc: Any = literal_column("interval '0'")
_a_moment_later = func.timezone(
    _utc, func.timezone(_utc, tasks.c.updated_at) + literal_column("interval '1 microsecond'")
)
# updated_at is the entity tag. It must grow with every change, even when the clock stands still or goes back.
_now_or_later = func.greatest(func.now(), _a_moment_later)


def _value(name: str) -> Any:
    return bindparam(name, type_=tasks.c[name].type)


def _versions(name: str) -> Any:
    return bindparam(name, type_=ARRAY(DateTime(timezone=True)))


#: The preconditions of a change (RFC 9110 §13.1). The version is one of these (if_match) or none (if_none_match).
GUARDS = {
    "if_match": tasks.c.updated_at == func.any(_versions("if_match")),
    "if_none_match": tasks.c.updated_at != func.all(_versions("if_none_match")),
}

GET = Statement(select(*COLUMNS).where(*_this))

#: Differs after every change of an owner's tasks. It is no maximum: after the clock went back, or when an earlier
#: transaction commits later, a change is not the latest. But every change of a task makes its time greater.
VERSION = Statement(
    select(func.count().label("number"), func.sum(extract("epoch", tasks.c.updated_at)).label("times")).where(_mine)
)

COUNTS = Statement(
    select(
        func.count().filter(~tasks.c.completed).label("open"),
        func.count().filter(tasks.c.completed).label("completed"),
    ).where(_mine)
)

CREATE = Statement(
    insert(tasks).values(user_id=OWNER, id=_id, **{name: _value(name) for name in WRITABLE}).returning(*COLUMNS)
)

_KEY_LIFETIME: Any = literal_column("interval '24 hours'")
_expired = delete(idempotency_keys).where(
    idempotency_keys.c.user_id == OWNER, idempotency_keys.c.created_at < func.now() - _KEY_LIFETIME
)
_claimed = (
    upsert(idempotency_keys)
    .values(
        user_id=OWNER,
        key=bindparam("key", type_=String),
        fingerprint=bindparam("fingerprint", type_=LargeBinary),
        task_id=_id,
    )
    .on_conflict_do_nothing()
    .returning(idempotency_keys.c.task_id)
)
_key = _claimed.cte("claimed")

#: Stores key and task in one statement, both or neither. Of two at once with one key, the second returns no row.
#: Citus pulls a statement on two tables to its coordinator, in 7 round trips with two-phase commit.
CREATE_ONCE = Statement(
    insert(tasks)
    .from_select(
        ["user_id", "id", *WRITABLE],
        select(OWNER, _key.c.task_id, *(_value(name) for name in WRITABLE)),
    )
    .returning(*COLUMNS)
    .add_cte(_expired.cte("expired")),
    apart=(Statement(_expired), Statement(_claimed), CREATE),
)

#: The task that a key was used for. The task's columns are null if it was deleted since.
CREATED_BEFORE = Statement(
    select(
        idempotency_keys.c.fingerprint,
        _shown(idempotency_keys.c.task_id),
        idempotency_keys.c.created_at.label("first_created_at"),
        *COLUMNS,
    )
    .select_from(
        idempotency_keys.outerjoin(
            tasks, (tasks.c.user_id == idempotency_keys.c.user_id) & (tasks.c.id == idempotency_keys.c.task_id)
        )
    )
    .where(idempotency_keys.c.user_id == OWNER, idempotency_keys.c.key == bindparam("key", type_=String))
)


@cache
def clearing(*, until: bool) -> Statement:
    """Delete all tasks in one state; with ``until`` only those that did not change after it."""
    clause = delete(tasks).where(_mine, tasks.c.completed == _value("completed"))
    if until:
        clause = clause.where(tasks.c.updated_at <= bindparam("until", type_=DateTime(timezone=True)))
    return Statement(clause.returning(tasks.c.id))


@cache
def listing(*, by_state: bool, after: bool, search: bool) -> Statement:
    """A page of tasks, newest first. Each combination is a statement of its own, with its own plan."""
    clause = select(*COLUMNS).where(_mine)
    if by_state:
        clause = clause.where(tasks.c.completed == _value("completed"))
    if after:
        clause = clause.where(tasks.c.id < _id)
    if search:
        pattern: Any = bindparam("pattern", type_=String)
        found = or_(tasks.c.title.ilike(pattern, escape="!"), tasks.c.description.ilike(pattern, escape="!"))
        # COALESCE changes no answer, only the planner's estimate of matches. With a low estimate PostgreSQL reads and
        # sorts all of a person's tasks. With this one it walks them newest first and stops after a page of matches.
        clause = clause.where(func.coalesce(found, false()))
    return Statement(clause.order_by(tasks.c.id.desc()).limit(bindparam("limit", type_=Integer)))


@cache
def changing(fields: frozenset[str], guards: frozenset[str] = frozenset()) -> Statement:
    """Set some fields of one task, under ``guards``. The field ``toggle`` inverts ``completed``."""
    values: dict[str, Any] = {name: _value(name) for name in sorted(fields - {"toggle"})}
    if "toggle" in fields:
        values["completed"] = ~tasks.c.completed
    clause = update(tasks).where(*_this, *_guarded(guards)).values(**values, updated_at=_now_or_later)
    return Statement(clause.returning(*COLUMNS))


@cache
def deleting(guards: frozenset[str] = frozenset()) -> Statement:
    return Statement(delete(tasks).where(*_this, *_guarded(guards)).returning(tasks.c.id))


def _guarded(guards: frozenset[str]) -> list[Any]:
    return [GUARDS[name] for name in sorted(guards)]
