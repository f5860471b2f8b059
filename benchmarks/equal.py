"""Before any load: the peers must give equal answers, or the comparison means nothing."""

import json
from datetime import datetime
from typing import Any

from benchmarks import seed
from benchmarks.servers import Server


def check(servers: list[Server], token: str) -> None:
    """Ask each the same things of the first user; raises AssertionError naming who answers otherwise."""
    for kind in ("get", "list", "post", "patch", "delete"):
        answers = {server.peer.label: answer(server, kind, token) for server in servers}
        expected = next(iter(answers.values()))
        for label, given in answers.items():
            assert given == expected, f"{kind}: {label} answers {given}, not {expected}"


def answer(server: Server, kind: str, token: str) -> Any:
    tasks = f"/api/{seed.USERS[0]}/tasks"
    one = f"{tasks}/{seed.task_id(0, 7)}"
    if kind == "get":
        return told(server.ask("GET", one, token))
    if kind == "list":
        status, page = told(server.ask("GET", f"{tasks}?limit=50", token))
        assert len(page["items"]) == 50, page
        return status, page["items"], sorted(page)
    if kind == "patch":
        return told(server.ask("PATCH", one, token, b'{"completed": true}'), later=("updated_at",))
    new = server.ask("POST", tasks, token, b'{"title": "Equal", "description": null}')
    ident = json.loads(new[1])["id"]
    gone = server.ask("DELETE", f"{tasks}/{ident}", token)
    if kind == "delete":
        return gone[0], server.ask("GET", f"{tasks}/{ident}", token)[0]
    return told(new, later=("id", "created_at", "updated_at"))


def told(answered: tuple[int, bytes], later: tuple[str, ...] = ()) -> Any:
    """A status and a body, times as times; `later` names what may differ."""
    status, body = answered
    return status, timed(json.loads(body), later)


def timed(value: Any, later: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [timed(item, later) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: member(name, content, later) for name, content in value.items()}


def member(name: str, content: Any, later: tuple[str, ...]) -> Any:
    if name in later:
        return "later"
    if name.endswith("_at"):
        return datetime.fromisoformat(content)
    return timed(content, later)
