"""Revision 0001: tasks and idempotency keys.

Revisions are numbered in order, so that a replica can compare the database's revision with the one it needs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("user_id", sa.String(255, collation="C"), nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("completed", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("user_id", "id", name="tasks_pkey"),
        sa.CheckConstraint("char_length(title) >= 1", name="tasks_title_check"),
        sa.CheckConstraint("char_length(description) <= 5000", name="tasks_description_check"),
    )
    op.create_index("tasks_by_state", "tasks", ["user_id", "completed", "id"])
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.String(255, collation="C"), nullable=False),
        sa.Column("key", sa.String(255, collation="C"), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("task_id", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("user_id", "key", name="idempotency_keys_pkey"),
    )
    op.create_index("idempotency_keys_by_age", "idempotency_keys", ["user_id", "created_at"])


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    op.drop_table("tasks")
