"""Events tell what an authenticator did."""

from __future__ import annotations

from world import world


async def test_accepted_says_whether_the_token_came_from_the_cache() -> None:
    async with world() as w:
        heard: list[bool] = []
        w.events.accepted = lambda *, cached: heard.append(cached)  # type: ignore[method-assign]  # to hear it as it is
        token = w.issuer.token("alice")
        await w.ask(token)
        await w.ask(token)
        assert [type(cached) for cached in heard] == [bool, bool]
        assert heard == [False, True]
