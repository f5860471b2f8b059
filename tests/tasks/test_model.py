"""Model-based test: random requests of three people, compared with a model.

Each person owns a few tasks and knows the ids, cursors, idempotency keys and tags of the other two. The model
is a few dictionaries; what the service says beyond them (ids, moments, tags) is learnt once and must stay so.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import unicodedata
import uuid
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from taskward.tasks.bodies import TaskInput
from tests.conftest import Person, connection

TASKS = "/api/me/tasks"
NAMES = ("alice", "bob", "carol")

who = st.sampled_from(range(3))
nth = st.integers(0, 30)
words = st.text(alphabet="aAbBeéÉжЖ\u0301%_\\'\" \u00a0🦊", max_size=4)
titles = st.one_of(
    words.map(lambda word: word + "x"),
    words,
    st.sampled_from(["", " ", "\0", "x" * 200, "  " + "y" * 200 + " ", "z" * 201, None, 5]),
)
descriptions = st.one_of(words, st.none(), st.sampled_from(["d" * 5000, "d" * 5001, "\0", 5]))
flags = st.one_of(st.booleans(), st.sampled_from([None, "true", 1]))
bodies = st.fixed_dictionaries(
    {}, optional={"title": titles, "description": descriptions, "completed": flags, "user_id": st.just("bob")}
)
#: Few of them, so that one meaning comes again in another spelling.
bodies_once = st.fixed_dictionaries(
    {"title": st.sampled_from(["x", " x", "x\u00a0", "é", "e\u0301 ", "E\u0301"])},
    optional={"description": st.sampled_from([None, "", "é", "e\u0301"]), "completed": st.booleans()},
)
tags = st.sampled_from(["none", "none", "none", "current", "any seen", "star", "made up"])


def bad_fields(body: dict[str, Any], *, required: bool) -> set[str]:
    """The members of this body that the contract refuses."""
    bad = {name for name in body if name not in ("title", "description", "completed")}
    title = body.get("title", None if required or "title" in body else "absent")
    if not isinstance(title, str) or not 1 <= len(stored("title", title)) <= 200 or "\0" in title:
        bad.add("title")
    description = body.get("description")
    if description is not None and (not isinstance(description, str) or len(description) > 5000 or "\0" in description):
        bad.add("description")
    if not isinstance(body.get("completed", False), bool):
        bad.add("completed")
    return bad


def stored(name: str, value: Any) -> Any:
    """What is kept of a member: text is composed (NFC), and a title loses the space around it."""
    if not isinstance(value, str):
        return value
    composed = unicodedata.normalize("NFC", value)
    return composed.strip() if name == "title" else composed


def meant(body: dict[str, Any]) -> dict[str, Any]:
    """The task that a whole body describes; bodies of one meaning count as the same body."""
    whole = {**TaskInput(title="the rest by default").model_dump(), **body}
    return {name: stored(name, value) for name, value in whole.items()}


class World:
    """The service in this process, on an event loop that the machine's synchronous rules can drive."""

    def __init__(self, runner: asyncio.Runner, app: Any, issuer: Any) -> None:
        self.runner, self.app, self.issuer = runner, app, issuer
        self.examples = itertools.count()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def people(self) -> list[Person]:
        """Three people nobody has seen before."""
        subs = [f"{name}-{next(self.examples)}" for name in NAMES]
        return [Person(sub, self.issuer.token(sub), **connection(self.app)) for sub in subs]


class ThreePeople(RuleBasedStateMachine):
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.people = self.world.people()
        self.tasks: list[dict[str, dict[str, Any]]] = [{}, {}, {}]  # by id, oldest first
        # Idempotency key → the body and the task that was made of it.
        self.keys: list[dict[str, tuple[Any, dict[str, Any]]]] = [{}, {}, {}]
        self.seen: dict[str, dict[str, dict[str, Any]]] = {}  # id → tag → the task as it was then
        self.ids: list[str] = []  # every id that any person's task ever had

    def teardown(self) -> None:
        for person in range(3):
            self.compare_list(person, {}, 200)
            self.world.run(self.people[person].aclose())

    def ask(self, person: int, method: str, path: str = "", **how: Any) -> httpx.Response:
        response: httpx.Response = self.world.run(self.people[person].request(method, TASKS + path, **how))
        return response

    def refused(self, response: httpx.Response, status: int, fields: set[str] | None = None) -> None:
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/problem+json"
        if fields is not None:
            assert {error["field"] for error in response.json()["errors"]} == fields

    def some_id(self, number: int) -> str:
        """One of the ids there ever were, or one that never was."""
        everyone = [*self.ids, str(uuid.UUID(int=number))]
        return everyone[number % len(everyone)]

    def condition(self, person: int, task_id: str, kind: str, number: int) -> tuple[dict[str, str], bool]:
        """An If-Match header of this kind, and whether it holds for the task as it is."""
        task, seen = self.tasks[person].get(task_id), self.seen.get(task_id, {})
        if kind == "none":
            return {}, True
        if kind == "star":
            return {"if-match": "*"}, True
        tag = '"made-up"'
        if kind == "current" and task:
            tag = next(tag for tag, then in seen.items() if then == task)
        elif kind == "any seen" and seen:
            tag = list(seen)[number % len(seen)]
        return {"if-match": tag}, seen.get(tag) == task

    def changed(self, person: int, before: dict[str, Any], response: httpx.Response, **members: Any) -> None:
        """The answer is the task with these members changed, and from now on that is the task."""
        assert response.status_code == 200, response.text
        after = response.json()
        assert after == {**before, **members, "updated_at": after["updated_at"]}
        earlier, later = (datetime.fromisoformat(task["updated_at"]) for task in (before, after))
        if {name: before[name] for name in members} == members:
            assert later >= earlier
        else:
            assert later > earlier
        self.tasks[person][before["id"]] = after
        self.look(person, before["id"])

    def look(self, person: int, task_id: str) -> None:
        """Read one task and learn the tag it has now."""
        response = self.ask(person, "GET", f"/{task_id}")
        task = self.tasks[person].get(task_id)
        if task is None:
            self.refused(response, 404)
            return
        assert response.status_code == 200, response.text
        assert response.json() == task
        tags = self.seen.setdefault(task_id, {})
        assert tags.setdefault(response.headers["etag"], task) == task, "one tag, two states"

    def compare_list(self, person: int, query: dict[str, Any], limit: int) -> None:
        def matches(task: dict[str, Any]) -> bool:
            q, completed = stored("q", query.get("q", "")).lower(), query.get("completed")
            found = q in task["title"].lower() or q in (task["description"] or "").lower()
            return found and (completed is None or task["completed"] == (completed == "true"))

        expected = [task for task in reversed(self.tasks[person].values()) if matches(task)]
        cursor: dict[str, str] = {}
        while True:
            response = self.ask(person, "GET", params={**query, "limit": limit, **cursor})
            assert response.status_code == 200, response.text
            page, rest = expected[:limit], expected[limit:]
            assert response.json()["items"] == page
            assert (response.json()["next_cursor"] is not None) == bool(rest)
            if not rest:
                return
            expected, cursor = rest, {"cursor": response.json()["next_cursor"]}
            for stranger in {0, 1, 2} - {person}:
                self.refused(self.ask(stranger, "GET", params=cursor), 422, {"cursor"})

    # What people do

    @rule(person=who, body=bodies)
    def create(self, person: int, body: dict[str, Any]) -> None:
        response = self.ask(person, "POST", json=body)
        if bad := bad_fields(body, required=True):
            self.refused(response, 422, bad)
        else:
            self.own(person, self.created(body, response))

    @rule(person=who, body=bodies_once, key=st.sampled_from(["k1", "k2", "k3"]))
    def create_once(self, person: int, body: dict[str, Any], key: str) -> None:
        self.post_once(person, body, key)

    def post_once(self, person: int, body: dict[str, Any], key: str) -> None:
        response = self.ask(person, "POST", json=body, headers={"idempotency-key": key})
        if key not in self.keys[person]:
            self.keys[person][key] = body, self.created(body, response)
            self.own(person, self.keys[person][key][1])
            return
        known_body, first = self.keys[person][key]
        if meant(body) != meant(known_body):
            self.refused(response, 422, {"Idempotency-Key"})
        else:
            # The task as it is now; once it is deleted, as it was made.
            assert response.status_code == 200, response.text
            assert response.json() == self.tasks[person].get(first["id"], first)

    @rule(person=who, key=st.sampled_from(["k1", "k2", "k3"]))
    def create_again(self, person: int, key: str) -> None:
        if known := self.keys[person].get(key):
            self.post_once(person, known[0], key)

    def created(self, body: dict[str, Any], response: httpx.Response) -> dict[str, Any]:
        assert response.status_code == 201, response.text
        task: dict[str, Any] = response.json()
        added = {name: task[name] for name in ("id", "created_at")}
        assert task == {**meant(body), **added, "updated_at": task["created_at"]}
        return task

    def own(self, person: int, task: dict[str, Any]) -> None:
        assert task["id"] not in self.ids
        self.ids.append(task["id"])
        self.tasks[person][task["id"]] = task
        self.look(person, task["id"])

    @rule(person=who, number=nth)
    def read(self, person: int, number: int) -> None:
        self.look(person, self.some_id(number))

    @rule(person=who, number=nth, body=bodies, tag=tags, method=st.sampled_from(["PUT", "PATCH"]))
    def change(self, person: int, number: int, body: dict[str, Any], tag: str, method: str) -> None:
        task_id = self.some_id(number)
        condition, holds = self.condition(person, task_id, tag, number)
        response = self.ask(person, method, f"/{task_id}", json=body, headers=condition)
        task = self.tasks[person].get(task_id)
        if bad := bad_fields(body, required=method == "PUT"):
            self.refused(response, 422, bad)
        elif task is None:
            self.refused(response, 404)
        elif not holds:
            self.refused(response, 412)
        else:
            said = {name: stored(name, value) for name, value in body.items()}
            self.changed(person, task, response, **(meant(body) if method == "PUT" else said))

    @rule(person=who, number=nth, value=st.sampled_from([None, True, False]), tag=tags)
    def complete(self, person: int, number: int, value: bool | None, tag: str) -> None:
        task_id = self.some_id(number)
        condition, holds = self.condition(person, task_id, tag, number)
        body = None if value is None else json.dumps({"completed": value}).encode()
        headers = condition if body is None else {**condition, "content-type": "application/json"}
        response = self.ask(person, "PATCH", f"/{task_id}/complete", content=body, headers=headers)
        task = self.tasks[person].get(task_id)
        if task is None:
            self.refused(response, 404)
        elif not holds:
            self.refused(response, 412)
        else:
            self.changed(person, task, response, completed=(not task["completed"]) if value is None else value)

    @rule(person=who, number=nth, tag=tags)
    def delete(self, person: int, number: int, tag: str) -> None:
        task_id = self.some_id(number)
        condition, holds = self.condition(person, task_id, tag, number)
        response = self.ask(person, "DELETE", f"/{task_id}", headers=condition)
        if task_id not in self.tasks[person]:
            self.refused(response, 404)
        elif not holds:
            self.refused(response, 412)
        else:
            assert response.status_code == 204, response.text
            del self.tasks[person][task_id]

    @rule(person=who)
    def clear(self, person: int) -> None:
        response = self.ask(person, "DELETE", "?completed=true")
        left = {task_id: task for task_id, task in self.tasks[person].items() if not task["completed"]}
        assert response.status_code == 200, response.text
        assert response.json() == {"deleted": len(self.tasks[person]) - len(left)}
        self.tasks[person] = left

    @rule(
        person=who,
        query=st.fixed_dictionaries({}, optional={"q": words, "completed": st.sampled_from(["true", "false"])}),
        limit=st.integers(1, 6),
    )
    def browse(self, person: int, query: dict[str, Any], limit: int) -> None:
        self.compare_list(person, query, limit)

    @rule(person=who, number=nth, owner=who)
    def use_somebody_elses_path(self, person: int, number: int, owner: int) -> None:
        path = f"/api/{self.people[owner].sub}/tasks/{self.some_id(number)}"
        response = self.world.run(self.people[person].delete(path, headers={"if-match": '"never"'}))
        if owner != person:
            self.refused(response, 403)
        else:
            assert response.status_code in (404, 412)

    @invariant()
    def counts_agree(self) -> None:
        for person in range(3):
            done = sum(task["completed"] for task in self.tasks[person].values())
            expected = {"open": len(self.tasks[person]) - done, "completed": done}
            assert self.ask(person, "GET", "/counts").json() == expected


def test_three_people_get_the_answers_the_model_foretells(settings: Any, issuer: Any) -> None:
    from asgi_lifespan import LifespanManager

    from taskward.app import create_app

    async def start() -> tuple[httpx.AsyncClient, LifespanManager]:
        http = httpx.AsyncClient(transport=issuer.transport())
        manager = LifespanManager(create_app(settings, http=http), startup_timeout=60, shutdown_timeout=60)
        await manager.__aenter__()
        return http, manager

    async def stop(http: httpx.AsyncClient, manager: LifespanManager) -> None:
        await manager.__aexit__(None, None, None)
        await http.aclose()

    with asyncio.Runner() as runner:
        http, manager = runner.run(start())
        try:
            machine = type("Machine", (ThreePeople,), {"world": World(runner, manager.app, issuer)})
            run_state_machine_as_test(
                machine,
                settings=hypothesis_settings(
                    max_examples=60,
                    stateful_step_count=40,
                    deadline=None,
                    phases=[Phase.explicit, Phase.generate, Phase.shrink],
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(stop(http, manager))
