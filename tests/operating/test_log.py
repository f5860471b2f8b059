"""The log of a real service, as console text and as JSON."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
import structlog
from prometheus_client import CollectorRegistry
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from taskward.operating import log
from taskward.operating.envelope import Envelope, request_id_var
from taskward.operating.metrics import Metrics
from tests.support.postgres import Databases
from tests.support.service import eventually, serving
from tokenward import InvalidToken, Reason
from tokenward.testing import Issuer, SigningKey

REFUSED = 20
LIMIT = 5
PROBES = ("/healthz", "/readyz")
ODD_IDS = ["", "two words", "a" * 65, "é", "semi;colon", 'quote"', "<b>", "%0a"]


@dataclass
class Story:
    """What was asked and answered, and everything that was logged."""

    form: str
    text: str = ""
    answers: dict[str, httpx.Response] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    kid: str = ""

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def about(self, event: str, **fields: Any) -> list[str]:
        """The lines of this event that say all of these."""
        return [line for line in self.lines if self._is(line, event) and self._says(line, fields)]

    def _is(self, line: str, event: str) -> bool:
        if self.form == "json":
            return bool(json.loads(line)["event"] == event)
        return f"] {event:<30} " in f"{line} "  # padded: "request" is not "request crashed"

    def _says(self, line: str, fields: dict[str, Any]) -> bool:
        if self.form == "json":
            found = json.loads(line)
            return all(name in found and found[name] == value for name, value in fields.items())
        return all(
            f" {name}={value!r} " in f"{line} " or f" {name}={value} " in f"{line} " for name, value in fields.items()
        )

    def value(self, line: str, name: str) -> str:
        if self.form == "json":
            return str(json.loads(line)[name])
        return line.split(f" {name}=")[1].split(" ")[0]


@pytest_asyncio.fixture(scope="module", params=["console", "json"])
async def story(
    request: pytest.FixtureRequest,
    databases: Databases,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Story]:
    issuer, folder = Issuer(), tmp_path_factory.mktemp(request.param)
    url = await databases.create(migrated_template)
    settings = {"LOG_FORMAT": request.param, "LOG_LEVEL": "info", "AUTH_FAILURES": f"{LIMIT}/hour"}
    async with issuer.serve() as jwks_url, serving(issuer, jwks_url, url, folder, **settings) as service:
        story = Story(request.param)
        await live(story, issuer, service.client(issuer.token()), service.port, url)
        service.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(service.process.wait, 10) == 0
        story.text = service.said()
        yield story
    await databases.drop(url)


async def live(story: Story, issuer: Issuer, alice: httpx.AsyncClient, port: int, database_url: str) -> None:
    answers, tokens = story.answers, story.tokens
    tokens.append(alice.headers["authorization"].removeprefix("Bearer "))
    async with alice:
        answers["ok"] = await alice.get("/openapi.json", params={"q": "hunter2"}, headers={"x-request-id": "My-id.1_"})
        answers["made"] = await alice.post("/api/me/tasks", json={"title": "hunter2"})
        answers["searched"] = await alice.get("/api/me/tasks", params={"q": "hunter2"})
        answers["forged"] = await alice.get("/%1b%5b2J%0aforged%20line%e2%80%ae")
        answers["missing"] = await alice.get("/api/me/tasks", headers={"authorization": ""})
        for path in PROBES:
            answers[path] = await alice.get(path)
        for number, odd in enumerate(ODD_IDS):
            answers[f"odd-{number}"] = await alice.get("/openapi.json", headers={"x-request-id": odd.encode()})
        connection = await asyncpg.connect(database_url)
        await connection.execute(
            """CREATE FUNCTION explode() RETURNS trigger LANGUAGE plpgsql
               AS $$ BEGIN RAISE EXCEPTION 'it exploded'; END $$;
            CREATE TRIGGER explode BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION explode()"""
        )
        await connection.close()
        answers["crashed"] = await alice.post("/api/me/tasks", json={"title": "hunter2"})
        hostile = SigningKey.new(kid="evil\x1b[31m\nforged line" + "x" * 100)
        story.kid = "evil?[31m?forged?line" + "x" * 43
        tokens.append(issuer.token(key=hostile))
        answers["hostile"] = await alice.get("/api/me/tasks", headers={"authorization": f"Bearer {tokens[-1]}"})
        stranger = SigningKey.new(kid=issuer.signer.kid)
        for number in range(REFUSED - 1):
            tokens.append(issuer.token(f"person-{number}", key=stranger))
            answer = await alice.get("/api/me/tasks", headers={"authorization": f"Bearer {tokens[-1]}"})
            answers[f"refused-{number}"] = answer
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"this is not HTTP\r\n\r\n")
    assert b"400" in await reader.read()
    writer.close()


def answered(story: Story) -> list[httpx.Response]:
    return [answer for path, answer in story.answers.items() if answer.status_code != 429 and path not in PROBES]


def test_every_request_is_one_line_with_what_it_came_to(story: Story) -> None:
    for answer in answered(story):
        (line,) = story.about("request", request_id=answer.headers["x-request-id"])
        assert line in story.about(
            "request", method=answer.request.method, status=answer.status_code, client="127.0.0.1"
        )
        assert float(story.value(line, "ms")) >= 0
    (line,) = story.about("request", request_id=story.answers["made"].headers["x-request-id"])
    assert line in story.about("request", path="/api/me/tasks")


def test_the_log_has_no_query_body_or_token(story: Story) -> None:
    assert "hunter2" not in story.text, "neither query nor body"
    for token in story.tokens:
        for part in token.split(".")[1:]:
            assert part not in story.text
    assert "uthorization" not in story.text


def test_json_is_one_object_a_line_from_the_first_to_the_last(story: Story) -> None:
    if story.form == "json":
        for line in story.lines:
            assert {"event", "level", "timestamp"} <= set(json.loads(line))
            assert json.loads(line)["timestamp"].endswith("Z")
    else:
        assert not any(line.startswith("{") for line in story.lines)
        assert "\x1b" not in story.text, "no colours in a file"


def test_a_probe_from_this_machine_that_finds_all_well_is_no_line(story: Story) -> None:
    for path in PROBES:
        assert story.answers[path].status_code == 200
        assert not story.about("request", path=path)


@pytest.mark.parametrize(("client", "status", "lines"), [("127.0.0.1", 503, 1), ("192.0.2.1", 200, 1), ("::1", 200, 0)])
async def test_a_probe_that_fails_or_comes_from_elsewhere_is_a_line(
    client: str, status: int, lines: int, captured: list[Any]
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = Route("/readyz", endpoint=lambda _: Response())
        await Response(status_code=status)(scope, receive, send)

    transport = httpx.ASGITransport(Envelope(app, Metrics(CollectorRegistry())), client=(client, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as asking:
        assert (await asking.get("/readyz")).status_code == status
    assert len(captured) == lines


def test_keys_that_are_missing_while_all_starts_are_no_warning(
    captured: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Service and issuer start side by side: five warnings at each start would be no news."""
    now = 1000.0
    monkeypatch.setattr(log.time, "monotonic", lambda: now)
    events = log.LoggedEvents(Metrics(CollectorRegistry()), request_id_var)
    events.fetched(outcome="failed", detail="ConnectError", seconds=0.1, keys=0)
    now += log.STARTING_SECONDS
    events.fetched(outcome="failed", detail="ConnectError", seconds=0.1, keys=0)
    now -= log.STARTING_SECONDS
    events.fetched(outcome="replaced", detail="", seconds=0.1, keys=1)
    events.fetched(outcome="failed", detail="ConnectError", seconds=0.1, keys=0)
    assert [line["log_level"] for line in captured] == ["info", "warning", "info", "warning"]


def test_uvicorns_own_lines_come_in_the_same_form(story: Story) -> None:
    (line,) = story.about("Application startup complete.")
    assert "uvicorn.error" in line
    assert "info" in line
    assert [line for line in story.lines if "Finished server process" in line and "uvicorn.error" in line]
    assert "GET /healthz" not in story.text, "its access log is off: the line a request has is ours"


def test_a_request_id_is_taken_over_where_it_is_harmless_and_replaced_otherwise(story: Story) -> None:
    assert story.answers["ok"].headers["x-request-id"] == "My-id.1_"
    ids = [story.answers[f"odd-{number}"].headers["x-request-id"] for number in range(len(ODD_IDS))]
    assert len(set(ids)) == len(ODD_IDS)
    for odd, given in zip(ODD_IDS, ids, strict=True):
        assert given != odd
        assert len(given) == 32
        assert given.isalnum()


def test_a_path_cannot_move_the_cursor_or_begin_a_line_of_its_own(story: Story) -> None:
    assert "\x1b" not in story.text
    assert "\u202e" not in story.text or story.form == "json"
    assert not any(line.startswith("forged") for line in story.lines)
    (line,) = story.about("request", request_id=story.answers["forged"].headers["x-request-id"])
    assert "forged line" in line


def test_a_refused_token_is_a_line_with_reason_address_request_id_and_a_harmless_kid(story: Story) -> None:
    request_id = story.answers["hostile"].headers["x-request-id"]
    (line,) = story.about("token refused", request_id=request_id, reason="key_id", address="127.0.0.1")
    assert story.kid in line
    assert len(story.about("token refused", reason="signature", detail="its signature is wrong")) == LIMIT - 1
    for line in story.about("token refused"):
        assert "warning" in line


def test_no_token_at_all_is_no_security_event(story: Story) -> None:
    request_id = story.answers["missing"].headers["x-request-id"]
    assert story.answers["missing"].status_code == 401
    assert [line for line in story.lines if request_id in line] == story.about("request", request_id=request_id)


def test_past_the_limit_refusals_are_summed_up_instead(story: Story) -> None:
    throttled = [answer for answer in story.answers.values() if answer.status_code == 429]
    assert len(throttled) == REFUSED - LIMIT
    assert len(story.about("token refused")) == LIMIT
    for answer in throttled:
        assert answer.headers["x-request-id"] not in story.text, "no line for each: an attack must not fill the disk"
    sums = story.about("refused tokens past the limit")
    assert sum(int(story.value(line, "count")) for line in sums) == REFUSED - LIMIT
    assert len(sums) == 2, "the first at once, the rest when the service ended"


def test_a_crash_is_logged_once_with_a_traceback_without_local_variables(story: Story) -> None:
    request_id = story.answers["crashed"].headers["x-request-id"]
    assert story.answers["crashed"].status_code == 500
    (line,) = story.about("request crashed", request_id=request_id, method="POST", path="/api/me/tasks")
    assert "error" in line
    text = json.loads(line)["exception"] if story.form == "json" else story.text
    assert text.count("Traceback (most recent call last)") == 1 == story.text.count("Traceback")
    assert "RaiseError: it exploded" in text
    assert ", in post" in text
    assert not set("│╭╰") & set(text), "no boxes of local variables"
    for local in ("scope", "receive", "send", "raw_headers", "Bearer"):
        assert f"{local} =" not in text


# --- In this process -------------------------------------------------------------------------------------------------


@pytest.fixture
def captured() -> Any:
    with structlog.testing.capture_logs() as lines:
        yield lines


async def test_refusals_above_the_limit_are_summed_up_even_without_further_requests(
    captured: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "SUMMARY_SECONDS", 0.01)
    events = log.LoggedEvents(Metrics(CollectorRegistry()), request_id_var)
    for _ in range(7):
        events.refused(InvalidToken(Reason.SIGNATURE, ""), address="192.0.2.1", throttled=True)
    assert [line["count"] for line in captured] == [1], "the first at once, so that somebody may look"
    await eventually(lambda: asyncio.sleep(0, len(captured) == 2))
    assert [line["count"] for line in captured] == [1, 6]
    events.sum_up(now=True)
    assert len(captured) == 2, "nothing is left to say"


@pytest.mark.parametrize("value", ["\ud800", 2**80, {1: object}, float("nan"), b"\xff", Path("/x"), ValueError("x")])
def test_a_line_is_never_lost_to_what_json_cannot_say(value: Any) -> None:
    line = json.loads(log._json(None, "", {"event": "odd", "value": value}))
    assert line["event"] == "odd"


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "one\ntwo", "\u202eevil", "\x9b2J", "a\u2028b"])
def test_on_a_console_nothing_that_moves_the_cursor_is_printed(text: str) -> None:
    line = log._harmless(None, "", {"event": text, "path": text, "exception": "a\nb"})
    assert line["event"].isprintable()
    assert line["path"].isprintable()
    assert line["exception"] == "a\nb"
