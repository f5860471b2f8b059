"""Key server faults under load: known keys are used, new ones wait or get 503, forged tokens are refused.

Every fault has a key server, a service and callers of its own; all of them run at once. In the ordinary run time is
sped up tenfold and the service is ``BearerMiddleware`` alone; ``make torture`` runs the whole service in real time.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.responses import PlainTextResponse

from fault_server import FAULTS, Fault, FaultServer, bomb
from tests.support.application import settings_for
from tests.support.postgres import Databases
from tests.support.summary import Report
from tokenward import (
    Authenticator,
    AuthEvents,
    BearerMiddleware,
    Clock,
    FailureThrottle,
    JwksSource,
    TokenVerifier,
)
from tokenward import fetch as fetching
from tokenward.testing import Issuer, SigningKey
from tokenward.testing.keys import compact

TTL = 20
TIMEOUT = 1.5  # real seconds an attempt has in the fast run: a busy machine must not be taken for a slow key server
SPEED = 10

AT_ONCE = (
    "healthy", "slow", "never answers", "stalled after the headers", "reset at once", "reset in the body",
    "half of the body", "500", "429 with Retry-After", "301 elsewhere", "gzip bomb", "1 GB, in chunks", "HTML", "{}",
    "an empty set", "a key whose alg is a list among good ones", "only a private key", "a private key among good ones",
    "a symmetric key among good ones", "a weak RSA key among good ones", "two keys with one kid among good ones",
    "every kid twice", "304 to a plain question", "flapping",
)  # fmt: skip
"""What the ordinary run tries; tests/auth tries each of the rest once, and ``make torture`` all of them."""


class FastClock(Clock):
    """Real time, ``speed`` times as fast."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._wall, self._began = time.time(), time.monotonic()

    def wall(self) -> float:
        return self._wall + self.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


class Quiet(AuthEvents):
    """Thousands of refusals are meant here; nobody needs to read them."""

    def refused(self, *_: Any, **__: Any) -> None: ...
    def fetched(self, **_: Any) -> None: ...
    def key_refused(self, kid: str, reason: str) -> None: ...


SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/api/me/tasks/counts",
    "raw_path": b"/api/me/tasks/counts",
    "root_path": "",
    "query_string": b"",
    "client": ("192.0.2.1", 50000),
    "server": ("127.0.0.1", 8000),
}


@dataclass
class Trial:
    """One fault, its server, its service, its callers, and what they were answered."""

    fault: Fault
    server: FaultServer
    clock: FastClock
    app: Any
    answers: Counter[str] = field(default_factory=Counter)
    recovered: float | None = None
    wrong: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> Issuer:
        return self.server.issuer

    async def ask(self, kind: str, token: str) -> int:
        """The status of one request, by ASGI itself: a client would take more time than the service."""
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        await self.app({**SCOPE, "headers": [(b"authorization", f"Bearer {token}".encode())]}, receive, send)
        status: int = sent[0]["status"]
        self.answers[f"{kind} {status}"] += 1
        if status == 503 and int(dict(sent[0]["headers"])[b"retry-after"]) < 1:
            self.wrong.append("503 without a time to come back")
        return status

    def forged(self, number: int) -> str:
        mallory = self.mallory
        return (
            self.issuer.token("alice", key=mallory, header={"kid": self.old.kid}),
            self.issuer.token("alice", key=mallory, header={"kid": f"made-up-{number}"}),
            compact({"alg": "none", "kid": self.old.kid}, self.issuer.claims("alice"), lambda _: b"\0"),
        )[number % 3]

    async def run(self, healthy: float, hurt: float, pause: float) -> None:
        """Seconds of the clock: well, under the fault (a key is rotated in as it begins), and then well again."""
        self.old, self.mallory = self.issuer.signer, SigningKey.new("EdDSA")
        self.seen = self.issuer.token("alice")
        numbers = itertools.count()
        asking: list[asyncio.Task[int]] = []

        async def traffic(seconds: float) -> None:
            """So long, and ten rounds at least, should the machine be busy."""
            end = self.clock.monotonic() + seconds
            for round_ in itertools.count():
                if round_ >= 10 and self.clock.monotonic() >= end:
                    break
                n = next(numbers)
                asking.append(asyncio.create_task(self.ask("known", self.seen)))
                asking.append(asyncio.create_task(self.ask("known", self.issuer.token(f"p{n}", key=self.old))))
                asking.append(asyncio.create_task(self.ask("forged", self.forged(n))))
                if self.issuer.signer is not self.old:
                    asking.append(asyncio.create_task(self.ask("new", self.issuer.token(f"p{n}"))))
                await self.clock.sleep(pause)

        while await self.ask("first", self.seen) != 200:
            await self.clock.sleep(0.5)
        await traffic(healthy)
        await asyncio.gather(*asking)
        self.server.fault = self.fault.name
        self.issuer.rotate()
        await traffic(hurt)
        self.server.fault = "healthy"
        well = self.clock.monotonic()
        while self.recovered is None and self.clock.monotonic() - well < 120:
            if await self.ask("after", self.issuer.token("alice")) == 200:
                self.recovered = self.clock.monotonic() - well
            else:
                await self.clock.sleep(0.5)
        await traffic(1)
        await asyncio.gather(*asking)

    def count(self, *kinds: str) -> int:
        return sum(self.answers[kind] for kind in kinds)

    def figures(self) -> dict[str, Any]:
        fives = {kind: n for kind, n in self.answers.items() if kind.split()[1][0] == "5" and not kind.endswith("503")}
        return {
            "requests": sum(self.answers.values()),
            "valid_tokens_refused": self.count(
                "known 401", "new 401", "after 401", "first 401", "known 429", "new 429"
            ),
            "bad_tokens_accepted": self.count("forged 200"),
            "5xx_other_than_503": sum(fives.values()),
            "known_keys_answered_503": self.count("known 503"),
            "new_keys_answered_503": self.count("new 503"),
            "fetches": self.server.fetches,
            "recovery_s": self.recovered,
        }


@asynccontextmanager
async def trials(
    names: Iterable[str], speed: float, application: Callable[[FaultServer, str, Clock, AsyncExitStack], Any]
) -> AsyncIterator[list[Trial]]:
    bomb()  # made before it is wanted: that takes a second
    async with AsyncExitStack() as stack:
        made = []
        for fault in (FAULTS[name] for name in names):
            clock = FastClock(speed)
            server = FaultServer(Issuer(clock=clock.wall))
            server.stall = 30 / speed
            url = await stack.enter_async_context(server.serve())
            app = await application(server, url, clock, stack)
            made.append(Trial(fault, server, clock, app))
        yield made


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


async def middleware(server: FaultServer, url: str, clock: Clock, stack: AsyncExitStack) -> Any:
    """``BearerMiddleware`` around next to nothing, as anybody might use it."""
    http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
    issuer = server.issuer
    source = JwksSource(url, http, ttl=TTL, clock=clock, events=Quiet())
    verifier = TokenVerifier(frozenset({issuer.url}), frozenset({issuer.audience}), frozenset({"EdDSA"}))
    authenticator = Authenticator(source, verifier, throttle=FailureThrottle("0"), events=Quiet(), clock=clock)
    await authenticator.start()
    stack.push_async_callback(authenticator.close)
    return BearerMiddleware(hello, authenticator)


@pytest_asyncio.fixture(scope="module")
async def campaign() -> AsyncIterator[dict[str, Trial]]:
    """All of them at once, ten times as fast as life."""
    kept, fetching.TIMEOUT = fetching.TIMEOUT, TIMEOUT
    try:
        async with trials(AT_ONCE, SPEED, middleware) as made:
            await asyncio.gather(*(trial.run(healthy=2, hurt=30, pause=0.5) for trial in made))
            yield {trial.fault.name: trial for trial in made}
    finally:
        fetching.TIMEOUT = kept


def holds(trial: Trial) -> None:
    """What no fault may change."""
    figures = trial.figures()
    assert figures["valid_tokens_refused"] == 0, trial.answers
    assert figures["bad_tokens_accepted"] == 0, trial.answers
    assert figures["5xx_other_than_503"] == 0, trial.answers
    assert figures["known_keys_answered_503"] == 0, trial.answers
    assert trial.wrong == []
    assert trial.recovered is not None
    assert trial.recovered <= 30 + TIMEOUT * SPEED + 5, "a backoff is 30 seconds at the most"
    assert trial.server.elsewhere == 0
    assert trial.answers["known 200"] >= 20
    assert trial.answers["forged 401"] > 0
    if trial.fault.usable:
        assert trial.answers["new 200"] > 0, "the answer held good keys"
    # At most one a second, over the whole of the trial.
    assert trial.server.fetches <= trial.clock.monotonic() + 1


@pytest.mark.parametrize("name", AT_ONCE)
async def test_under_this_fault_no_valid_token_is_refused_and_no_bad_one_accepted(
    name: str, campaign: dict[str, Trial], reliability: Report
) -> None:
    trial = campaign[name]
    reliability(name, **trial.figures())
    holds(trial)


@pytest.mark.torture
async def test_the_whole_service_holds_under_every_fault_in_real_time(
    databases: Databases, migrated_template: str, reliability: Report
) -> None:
    from asgi_lifespan import LifespanManager

    from taskward.app import create_app

    database = await databases.create(migrated_template)

    async def service(server: FaultServer, url: str, clock: Clock, stack: AsyncExitStack) -> Any:
        settings = settings_for(
            server.issuer, database, jwks_url=url, jwks_ttl=TTL, auth_failures="0", database_pool_size=2
        )
        manager = await stack.enter_async_context(LifespanManager(create_app(settings), startup_timeout=60))
        return manager.app

    try:
        async with trials(FAULTS, 1, service) as made:
            await asyncio.gather(*(trial.run(healthy=2, hurt=60, pause=0.5) for trial in made))
            for trial in made:
                reliability(f"{trial.fault.name} (whole service, real time)", **trial.figures())
            for trial in made:
                holds(trial)
    finally:
        await databases.drop(database)
