"""Notifications of changes, as the listening connection is asked to send them."""

import asyncio
from collections.abc import Callable
from typing import Any

from taskward.tasks.changes import COLLECT_SECONDS, Changes


class Sent:
    """Stands for the listener: keeps the payloads, and takes a while as a server does."""

    def __init__(self) -> None:
        self.payloads: list[str] = []

    def on(self, channel: str, heard: Callable[[str], None]) -> None: ...

    def look(self, look: Any) -> None: ...

    async def notify(self, channel: str, payload: str) -> bool:
        self.payloads.append(payload)
        await asyncio.sleep(0.01)  # meanwhile more is noted
        return True


async def test_changes_without_a_pause_are_one_notification_for_each_interval_and_none_is_left_out() -> None:
    sent = Sent()
    changes = Changes(sent, lambda owner: asyncio.sleep(0))  # type: ignore[arg-type]  # has the methods that are used
    loop = asyncio.get_running_loop()
    began, number = loop.time(), 0
    while loop.time() < began + 4 * COLLECT_SECONDS:
        changes.note(f"owner {number}", None, None)
        number += 1
        await asyncio.sleep(0.002)
    took = loop.time() - began
    await asyncio.sleep(2 * COLLECT_SECONDS)
    assert 1 <= len(sent.payloads) <= took / COLLECT_SECONDS + 1
    assert len({entry for payload in sent.payloads for entry in payload.split(";")}) == number
