"""Runs one Python block of a documentation page in a process of its own, asked through its framework's test client.

Reads a JSON object from standard input (``code``, ``kind``, ``requests``: lists of method, path, headers), prints a
JSON array with status, headers and body of each answer.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any


def main() -> None:
    task = json.load(sys.stdin)
    file = Path(tempfile.mkdtemp()) / "page_app.py"
    file.write_text(task["code"])
    spec = importlib.util.spec_from_file_location("page_app", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["page_app"] = module
    spec.loader.exec_module(module)
    print(json.dumps(ASK[task["kind"]](module, task["requests"])))


def shown(answer: Any) -> list[Any]:
    return [answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.text]


def starlette(module: Any, requests: list[Any]) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Starlette deprecates httpx in its test client
        from starlette.testclient import TestClient

        with TestClient(module.app) as client:
            return [
                [101, {}, listen(client, path, headers)]
                if method == "WS"
                else shown(client.request(method, path, headers=headers))
                for method, path, headers in requests
            ]


def listen(client: Any, path: str, headers: Any) -> str:
    with client.websocket_connect(path, headers=headers) as socket:
        return str(socket.receive_text())


def litestar(module: Any, requests: list[Any]) -> list[Any]:
    from litestar.testing import TestClient

    with TestClient(module.app) as client:
        return [shown(client.request(method, path, headers=headers)) for method, path, headers in requests]


def flask(module: Any, requests: list[Any]) -> list[Any]:
    client = module.app.test_client()
    return [
        shown(client.open(path, method=method, headers=list(headers.items()))) for method, path, headers in requests
    ]


def django(module: Any, requests: list[Any]) -> list[Any]:
    from django.test import AsyncClient, Client

    def answered(answer: Any) -> list[Any]:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return [answer.status_code, headers, answer.content.decode()]

    if "ASGI" in type(module.app).__name__:

        async def all_of_them() -> list[Any]:
            client = AsyncClient(raise_request_exception=False)
            return [answered(await client.generic(method, path, headers=headers)) for method, path, headers in requests]

        return asyncio.run(all_of_them())
    client = Client(raise_request_exception=False)
    return [answered(client.generic(method, path, headers=headers)) for method, path, headers in requests]


def drf(module: Any, requests: list[Any]) -> list[Any]:
    from rest_framework.test import APIClient

    client = APIClient(raise_request_exception=False)
    return [
        [
            answer.status_code,
            {name.lower(): value for name, value in answer.headers.items()},
            answer.content.decode(),
        ]
        for method, path, headers in requests
        for answer in [client.generic(method, path, headers=headers)]
    ]


def asgi(module: Any, requests: list[Any]) -> list[Any]:
    import httpx

    async def all_of_them() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(module.app), base_url="http://app.test") as client:
            return [shown(await client.request(method, path, headers=headers)) for method, path, headers in requests]

    return asyncio.run(all_of_them())


def blocking(module: Any, requests: list[Any]) -> list[Any]:
    said = [module.subject(headers["authorization"].encode()) for _, _, headers in requests]
    said.append(asyncio.run(module.main(requests[0][2]["authorization"].encode())))
    return said


ASK = {
    "fastapi": starlette,
    "starlette": starlette,
    "litestar": litestar,
    "flask": flask,
    "django": django,
    "drf": drf,
    "asgi": asgi,
    "blocking": blocking,
}

if __name__ == "__main__":
    main()
