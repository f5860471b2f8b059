"""What the tables of every resource share: the metadata, the owner's column, and the migration that is needed."""

from sqlalchemy import Column, MetaData, String

from taskward.database.statement import OWNER_COLUMN

#: The migration this code needs at least; tests/test_house.py holds it to migrations/.
REVISION = "0001"

metadata = MetaData()


def owner_column() -> Column[str]:
    """The first column of every table, and of its primary key, so that rows can be distributed by owner.

    Better Auth's ids are compared byte by byte: a language's sort order would only cost time.
    """
    return Column(OWNER_COLUMN, String(255, collation="C"), nullable=False)
