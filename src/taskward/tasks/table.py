"""The tables of the tasks."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    Uuid,
    func,
)

from taskward.database.schema import metadata, owner_column

MAX_TITLE = 200
MAX_DESCRIPTION = 5000

tasks = Table(
    "tasks",
    metadata,
    owner_column(),
    Column("id", Uuid, nullable=False),  # version 7: ordered by time of creation
    Column("title", String(MAX_TITLE), nullable=False),
    Column("description", Text),
    Column("completed", Boolean, nullable=False, server_default="false"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("user_id", "id", name="tasks_pkey"),
    CheckConstraint("char_length(title) >= 1", name="tasks_title_check"),
    CheckConstraint(f"char_length(description) <= {MAX_DESCRIPTION}", name="tasks_description_check"),
    # Serves counts and the lists of one state without reading tasks of the other state.
    Index("tasks_by_state", "user_id", "completed", "id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    owner_column(),
    Column("key", String(255, collation="C"), nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("task_id", Uuid, nullable=False),  # no foreign key: the task may be deleted, the key stays
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("user_id", "key", name="idempotency_keys_pkey"),
    Index("idempotency_keys_by_age", "user_id", "created_at"),
)
