"""Notifications of changes, as the listening connection is asked to send them."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from taskward.tasks.changes import COLLECT_SECONDS, EVERYBODY, MAX_CHANGES, MAX_PAYLOAD, Changes, digest, payload


class Sent:
    """Stands for a listener behind a pooler: keeps the payloads, and takes a while as a server does."""

    pooled = True

    def __init__(self, failures: int = 0) -> None:
        self.payloads: list[str] = []
        self._failures = failures

    def on(self, channel: str, heard: Callable[[str], None]) -> None: ...

    def look(self, look: Any) -> None: ...

    async def notify(self, channel: str, payload: str) -> bool:
        await asyncio.sleep(0.01)  # meanwhile more is noted
        if self._failures:
            self._failures -= 1
            return False
        self.payloads.append(payload)
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


async def test_changes_that_could_not_be_sent_are_sent_with_those_noted_meanwhile() -> None:
    sent = Sent(failures=1)
    changes = Changes(sent, lambda owner: asyncio.sleep(0))  # type: ignore[arg-type]  # has the methods that are used
    changes.note("ada", "1", None)
    await asyncio.sleep(1.5 * COLLECT_SECONDS)
    changes.note("ada", "2", None)
    async with asyncio.timeout(10):
        while not sent.payloads:  # noqa: ASYNC110 - Changes says nothing when it has sent
            await asyncio.sleep(0.01)
    owner, origin, *ids = sent.payloads[0].split(",")
    assert (owner, origin, sorted(ids)) == (digest("ada", 16), "", ["1", "2"])


async def test_more_changes_than_are_kept_are_one_notification_for_everybody() -> None:
    sent = Sent()
    changes = Changes(sent, lambda owner: asyncio.sleep(0))  # type: ignore[arg-type]  # has the methods that are used
    for number in range(3 * MAX_CHANGES):
        changes.note("ada", str(number), None)
    await asyncio.sleep(3 * COLLECT_SECONDS)
    assert sent.payloads == [EVERYBODY]


async def test_a_change_is_told_although_the_first_poll_after_it_fails() -> None:
    answers = iter(["before", ConnectionError(), "after"])

    async def version(owner: str) -> str:
        answer = next(answers, "after")
        if isinstance(answer, Exception):
            raise answer
        return answer

    changes = Changes(Sent(), version)  # type: ignore[arg-type]  # has the methods that are used
    await changes.start()
    stream = changes.open("ada", None)
    await changes.begin(stream)
    async with asyncio.timeout(10):
        await stream.woken.wait()
    assert (stream.many, next(answers, None)) == (True, None)
    await changes.stop()


def test_a_notification_has_one_entry_for_each_owner_and_tab_and_ids_only_where_they_say_all() -> None:
    one, two = "0190a5d0-aaaa-7bbb-8ccc-000000000001", "0190a5d0-aaaa-7bbb-8ccc-000000000002"
    noted = [("a", one, "t"), ("a", two, "t"), ("a", one, "t"), ("b", None, None), ("b", one, None), ("a", one, None)]
    noted += [("c", str(number), None) for number in range(51)]
    found = {
        entry.split(",")[0] + "," + entry.split(",")[1]: entry.split(",")[2:] for entry in payload(noted).split(";")
    }
    assert {key: sorted(ids) for key, ids in found.items()} == {
        f"{digest('a', 16)},{digest('t', 8)}": [one, two],
        f"{digest('b', 16)},": [],
        f"{digest('a', 16)},": [one],
        f"{digest('c', 16)},": [],
    }


def test_a_notification_never_exceeds_the_payload_limit() -> None:
    for owners in (1, 100, 190, 330, 400, 5000):
        text = payload([(str(n), str(uuid4()), None) for n in range(owners) for _ in range(min(50, 9999 // owners))])
        assert len(text) <= MAX_PAYLOAD
        assert (text == EVERYBODY) == (owners >= 330)
