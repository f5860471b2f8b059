"""Used DPoP proofs in the database: each is new once, and is deleted when its time is over."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from taskward.database import proofs
from taskward.database.engine import Database
from taskward.database.proofs import DatabaseReplays
from taskward.problems import DatabaseUnavailable


async def test_a_proof_is_new_once_and_deleted_when_its_time_is_over(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "PRUNE_EVERY", 0)
    driver = await asyncpg.connect(database_url)
    db = Database(database_url)
    await db.open()
    one, other = DatabaseReplays(db), DatabaseReplays(db)
    assert await one.first_use(b"short" * 3, 0.05)
    assert await one.first_use(b"long" * 4, 90.5)
    assert not await other.first_use(b"long" * 4, 90.5)
    left = await driver.fetchval("SELECT extract(epoch FROM max(expires_at) - now())::float8 FROM used_proofs")
    assert 80 < left <= 90.5
    await asyncio.sleep(0.1)
    await other.first_use(b"next" * 4, 60)
    async with asyncio.timeout(5):
        while await driver.fetchval("SELECT count(*) FROM used_proofs") != 2:  # noqa: ASYNC110 - the database sends no event
            await asyncio.sleep(0.01)
    assert await driver.fetchval("SELECT relpersistence::text FROM pg_class WHERE relname = 'used_proofs'") == "u"
    await driver.execute("DROP TABLE used_proofs")
    with pytest.raises(DatabaseUnavailable):
        await one.first_use(b"last" * 4, 60)
    await other.prune()
    await one.close()
    await other.close()
    await db.close()
    await driver.close()
