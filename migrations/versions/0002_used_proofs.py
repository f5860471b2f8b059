"""Revision 0002: used DPoP proofs, for DPOP_REPLAYS=database. It adds a table and changes none."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "used_proofs",
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="used_proofs_pkey"),
        prefixes=["UNLOGGED"],
    )
    op.create_index("used_proofs_by_end", "used_proofs", ["expires_at"])


def downgrade() -> None:
    op.drop_table("used_proofs")
