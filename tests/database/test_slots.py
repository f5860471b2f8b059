"""Slots: their number, the order of waiters, and cancelled waiters."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskward.database.slots import Slots


async def free(slots: Slots, size: int) -> int:
    """How many can be taken at once, at most one more than ``size``."""
    for taken in range(size + 1):
        waiting = asyncio.ensure_future(slots.take(math.inf))
        await asyncio.sleep(0)
        if not waiting.done():
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            return taken
    return size + 1


async def test_waiters_are_served_in_turn() -> None:
    slots, served = Slots(1), []

    async def one(name: int) -> None:
        await slots.take(math.inf)
        served.append(name)
        slots.give()

    await slots.take(math.inf)
    waiting = [asyncio.create_task(one(name)) for name in range(5)]
    await asyncio.sleep(0)
    assert served == []
    slots.give()
    await asyncio.gather(*waiting)
    assert served == [0, 1, 2, 3, 4]


async def test_a_waiter_past_its_deadline_gets_a_timeout_and_later_waiters_stay_queued() -> None:
    slots = Slots(1)
    await slots.take(0)
    early, late = asyncio.create_task(slots.take(10)), asyncio.create_task(slots.take(20))
    await asyncio.sleep(0)
    slots.expire(10)
    with pytest.raises(TimeoutError):
        await early
    assert not late.done()
    slots.give()
    await late


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["take", "give", "cancel", "expire", "turn"]), max_size=40), st.integers(1, 3))
def test_no_slot_is_lost_or_made_by_any_order_of_events(steps: list[str], size: int) -> None:
    async def run() -> None:
        slots = Slots(size)
        tasks: list[asyncio.Task[None]] = []
        given_back = 0
        for clock, step in enumerate(steps):
            if step == "take":
                tasks.append(asyncio.create_task(slots.take(clock + 5)))
            elif step == "cancel" and tasks:
                tasks[clock % len(tasks)].cancel()
            elif step == "expire":
                slots.expire(clock)
            elif step == "give" and sum(_holds(task) for task in tasks) > given_back:
                given_back += 1
                slots.give()
            else:
                await asyncio.sleep(0)
            assert sum(_holds(task) for task in tasks) - given_back <= size
        await asyncio.sleep(0)
        slots.expire(math.inf)
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(sum(_holds(task) for task in tasks) - given_back):
            slots.give()
        assert await free(slots, size) == size

    asyncio.run(run())


def _holds(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


async def test_a_slot_that_was_kept_is_free_at_the_second_give() -> None:
    slots = Slots(1)
    assert slots.take_free()
    waiting = asyncio.ensure_future(slots.take(math.inf))
    slots.keep()
    slots.give()
    await asyncio.sleep(0)
    assert not waiting.done()
    assert not slots.take_free()
    slots.give()
    await waiting
    slots.give()
    assert await free(slots, 1) == 1
