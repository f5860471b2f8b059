"""SQL statements, compiled once. A statement that does not bind the owner at every table does not compile."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import (
    Alias,
    BindParameter,
    ColumnClause,
    Delete,
    Executable,
    Insert,
    Join,
    Select,
    String,
    Table,
    TableClause,
    TextClause,
    Update,
    bindparam,
)
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from sqlalchemy.dialects.postgresql.dml import OnConflictDoUpdate
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, Grouping

_DIALECT = dialect.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this constructor untyped

#: The column with the owner of a row, and the parameter that every statement compares it with.
OWNER_COLUMN = "user_id"
OWNER: Any = bindparam("owner", type_=String)


class Statement:
    """A Core statement, compiled once to PostgreSQL's ``$1`` form.

    ``apart`` is the same as several statements, in order, for a server that cannot route the whole to one node. They
    run in one transaction, which ends with the first of them that was to return rows and returned none.

    Raises TypeError for a statement that reads or changes a table without ``user_id = OWNER`` (or a join to a
    ``user_id`` that is bound so), that inserts a row of another owner, or that uses a table without an owner. Modules
    make their statements at import, so the import fails.
    """

    __slots__ = ("apart", "names", "returns", "sql")

    def __init__(self, clause: Executable, *, apart: "tuple[Statement, ...]" = ()) -> None:
        compiled = clause.compile(dialect=_DIALECT)  # type: ignore[attr-defined]  # every executable is a clause
        self.apart = apart
        self.returns = bool(getattr(clause, "_returning", ()))
        self.sql = str(compiled)
        self.names: tuple[str, ...] = tuple(compiled.positiontup or ())
        self._check(clause)

    def _check(self, clause: Any) -> None:
        check_owner(clause, self.sql)

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        return [values[name] for name in self.names]


class ServerQuestion(Statement):
    """A statement without an owner: about the server, or on a table of its own. Raises TypeError for people's rows."""

    def _check(self, clause: Any) -> None:
        parts = [found for part in visitors.iterate(clause) for found in (part, getattr(part, "table", None))]
        if any(isinstance(part, Table) and OWNER_COLUMN in part.columns for part in parts):
            raise TypeError(f"a table with rows of people, in a question about the server: {self.sql}")


def check_owner(clause: Any, sql: str) -> None:
    """Raise TypeError unless every table is bound to the owner in the same SELECT, INSERT, UPDATE or DELETE.

    Each CTE, subquery and part of a UNION is checked by itself: a condition outside it does not count.
    """
    parts = list(visitors.iterate(clause))
    if any(isinstance(part, TextClause) for part in parts):
        raise TypeError(f"SQL written as text, in which no owner can be looked for: {sql}")
    scopes = [part for part in parts if isinstance(part, Select | Insert | Update | Delete)]
    for scope in scopes:
        if isinstance(scope, Insert) and not _inserts_for_owner(scope):
            raise TypeError(f"a row inserted without its owner, or changed on conflict: {sql}")
        if isinstance(scope, Update) and any(_name(column) == OWNER_COLUMN for column in scope._values or ()):
            raise TypeError(f"a row given to another owner: {sql}")
        if unbound := _tables_of(scope) - _bound(scope):
            raise TypeError(f"{len(unbound)} of its tables without their owner: {sql}")
    if not any(isinstance(scope, Insert) or _tables_of(scope) for scope in scopes):
        raise TypeError(f"a statement without a table, and so without an owner: {sql}")


def _bound(scope: Any) -> set[Any]:
    """The tables whose owner column this statement compares with OWNER, directly or by a join to a bound table."""
    bound: set[Any] = set()
    joined: list[tuple[Any, Any]] = []  # if the first is bound, the second is too
    for condition, filtered in _conditions(scope):
        left, right = condition.left, condition.right
        if _name(left) == OWNER_COLUMN and _is_owner(right):
            bound |= {left.table} if filtered is None else {left.table} & filtered
        elif _name(left) == _name(right) == OWNER_COLUMN:
            ways = ((left.table, right.table), (right.table, left.table))
            joined += [way for way in ways if filtered is None or way[1] in filtered]
    for _ in joined:
        bound |= {other for one, other in joined if one in bound}
    return bound


def _tables_of(scope: Any) -> set[Any]:
    """The tables and aliases whose existing rows this statement reads, changes or deletes."""
    if isinstance(scope, Update | Delete):
        # The other tables of UPDATE … FROM and DELETE … USING are those whose columns are used.
        used = (column.table for column in visitors.iterate(scope.whereclause) if isinstance(column, ColumnClause))
        return {scope.table, *(table for table in used if table is not None and _is_table(table))}
    return set(_leaves(scope.get_final_froms())) if isinstance(scope, Select) else set()


def _leaves(sources: Iterable[Any]) -> Iterator[Any]:
    """The tables of a FROM clause, without subqueries and CTEs, which are checked by themselves."""
    for source in sources:
        if isinstance(source, Join):
            yield from _leaves((source.left, source.right))
        elif _is_table(source):
            yield source


def _is_table(source: Any) -> bool:
    return isinstance(source, TableClause) or (isinstance(source, Alias) and isinstance(source.element, TableClause))


def _conditions(scope: Any) -> Iterator[tuple[Any, set[Any] | None]]:
    """The equalities joined by AND in WHERE and ON, each with the tables that it filters (None for all).

    ON of a left outer join filters only the tables on its right; ON of a full outer join filters none.
    """
    waiting: list[tuple[Any, set[Any] | None]] = [(getattr(scope, "whereclause", None), None)]
    joins: list[Any] = list(scope.get_final_froms()) if isinstance(scope, Select) else []
    while joins:
        join = joins.pop()
        if isinstance(join, Join):
            joins += [join.left, join.right]
            if not join.full:
                waiting.append((join.onclause, set(_leaves([join.right])) if join.isouter else None))
    while waiting:
        condition, filtered = waiting.pop()
        if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
            waiting += [(part, filtered) for part in condition.clauses]
        elif isinstance(condition, Grouping):
            waiting.append((condition.element, filtered))
        elif isinstance(condition, BinaryExpression) and condition.operator is operators.eq:
            yield condition, filtered


def _inserts_for_owner(statement: Any) -> bool:
    """Whether every new row's owner is OWNER, and ON CONFLICT updates no existing row."""
    if statement._multi_values or isinstance(getattr(statement, "_post_values_clause", None), OnConflictDoUpdate):
        return False
    if statement.select is not None:
        columns = dict(zip(map(_name, statement._select_names or ()), statement.select.selected_columns, strict=False))
        return _is_owner(columns.get(OWNER_COLUMN))
    values = {_name(column): value for column, value in (statement._values or {}).items()}
    return _is_owner(values.get(OWNER_COLUMN))


def _is_owner(value: Any) -> bool:
    return isinstance(value, BindParameter) and value.key == OWNER.key


def _name(column: Any) -> str | None:
    if isinstance(column, str):
        return column
    return column.name if isinstance(column, ColumnClause) else None
