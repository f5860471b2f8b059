"""The parts that all tables share: metadata, owner column and the revision that the code needs."""

from sqlalchemy import Column, MetaData, String

from taskward.database.statement import OWNER_COLUMN

#: The oldest migration that this code can run on.
REVISION = "0002"

metadata = MetaData()


def owner_column() -> Column[str]:
    """The first column of every table of people's rows and of its primary key, so that it can be partitioned by owner.

    The collation "C" compares ids byte by byte, which is faster than the order of a language.
    """
    return Column(OWNER_COLUMN, String(255, collation="C"), nullable=False)
