"""The pytest plugin: fixtures for applications that are guarded by Tokenward.

::

    @pytest.fixture
    def issuer(tokenward_issuer):            # an Issuer in front of the application's own Tokenward
        return tokenward_issuer(auth)

    def test_a_stranger_sees_nothing(issuer, client):
        assert client.get("/notes", headers=issuer.headers("ada", expires_in=-1)).status_code == 401
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # the fixtures import the kit, so that not every pytest run does
    from tokenward.front import Tokenward
    from tokenward.testing.clock import FakeClock
    from tokenward.testing.issuer import Issuer


@pytest.fixture
def tokenward_issuer() -> Iterator[Callable[[Tokenward], Issuer]]:
    """``tokenward_issuer(auth)``: an issuer with the names that ``auth`` expects, until the test ends."""
    from tokenward.testing.issuer import Issuer
    from tokenward.trusted import several

    with contextlib.ExitStack() as stack:

        def stand_in(auth: Tokenward) -> Issuer:
            trusted = auth.trusted[0]
            issuer = Issuer(several(trusted.issuer)[0], audience=several(trusted.audience)[0])
            stack.enter_context(issuer.behind(auth))
            return issuer

        yield stand_in


@pytest.fixture
def tokenward_clock() -> FakeClock:
    """A clock to pass to ``Tokenward(clock=…)``, which only the test moves."""
    from tokenward.testing.clock import FakeClock

    return FakeClock()
