"""Peer (c), the limit: bare ASGI + asyncpg + orjson, no authentication, no checks and no additional headers."""

import os
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from uuid_utils.compat import uuid7

FIELDS = "id, title, description, completed, created_at, updated_at"
GET = f"SELECT {FIELDS} FROM tasks WHERE user_id = $1 AND id = $2"  # noqa: S608 - constants
LIST = f"SELECT {FIELDS} FROM tasks WHERE user_id = $1 ORDER BY id DESC LIMIT 51"  # noqa: S608 - constants
POST = f"INSERT INTO tasks ({FIELDS}, user_id) VALUES ($2, $3, $4, $5, now(), now(), $1) RETURNING {FIELDS}"  # noqa: S608 - constants
PATCH = f"UPDATE tasks SET completed = $3, updated_at = now() WHERE user_id = $1 AND id = $2 RETURNING {FIELDS}"  # noqa: S608 - constants
DELETE = "DELETE FROM tasks WHERE user_id = $1 AND id = $2 RETURNING id"

pool: asyncpg.Pool


class Unreset(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """Returned to the pool as it is, without a round trip."""

    def get_reset_query(self) -> str:
        return ""


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    global pool
    if scope["type"] == "lifespan":
        await receive()
        size = int(os.environ["POOL_SIZE"])
        pool = await asyncpg.create_pool(
            os.environ["DATABASE_URL"], min_size=size, max_size=size, connection_class=Unreset
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await pool.close()
        await send({"type": "lifespan.shutdown.complete"})
        return
    method, parts = scope["method"], scope["path"].split("/")
    owner, status = parts[2] if len(parts) > 2 else "", 200
    if not owner:
        status, answer = 404, b"{}"
    elif len(parts) == 5:
        task = UUID(parts[4])
        if method == "GET":
            found = await one(GET, owner, task)
        elif method == "PATCH":
            found = await one(PATCH, owner, task, orjson.loads((await receive())["body"])["completed"])
        else:
            status, found = 204, await one(DELETE, owner, task) and b""
        status, answer = (404, b"{}") if found is None else (status, found)
    elif method == "POST":
        body = orjson.loads((await receive())["body"])
        arguments = (uuid7(), body["title"], body.get("description"), body.get("completed", False))
        status, answer = 201, await one(POST, owner, *arguments) or b""
    else:
        rows = await pool.fetch(LIST, owner)
        items = [dict(row) for row in rows[:50]]
        cursor = str(items[-1]["id"]) if len(rows) > 50 else None
        answer = encode({"items": items, "next_cursor": cursor})
    length = str(len(answer)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": status, "headers": headers if answer else []})
    await send({"type": "http.response.body", "body": answer})


async def one(statement: str, *arguments: Any) -> bytes | None:
    row = await pool.fetchrow(statement, *arguments)
    return None if row is None else encode(dict(row))


def encode(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z)
