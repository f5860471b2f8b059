"""A pytest plugin that searches answers, log lines and output for tokens and private keys.

    pytest -p tests.support.leaks

A test in which one turns up fails, whatever it was about; one named ``…_may_print_tokens`` may show some on purpose.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator
from typing import Any

import httpx
import pytest

SECRET = re.compile(
    rb"eyJ[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"  # a compact JWS
    rb"|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
)
read: Counter[str] = Counter()
"""How many answers and outputs were read; tests/attacks/test_leaks.py makes sure that it is not none."""

_found: list[str] = []


def pytest_configure(config: pytest.Config) -> None:
    answer = httpx.ASGITransport.handle_async_request

    async def read_along(self: httpx.ASGITransport, request: httpx.Request) -> httpx.Response:
        response = await answer(self, request)
        read["answers"] += 1
        body = b"".join(getattr(response.stream, "_body", []))
        if leaks(body) or leaks(repr(response.headers.raw).encode()):
            _found.append(f"the answer to {request.method} {request.url.path}")
        return response

    httpx.ASGITransport.handle_async_request = read_along  # type: ignore[method-assign]  # read along, not replaced


def leaks(content: bytes) -> bool:
    return SECRET.search(content) is not None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    found, _found[:] = list(_found), []
    for title, content in report.sections:
        read["outputs"] += 1
        if leaks(content.encode("utf-8", "surrogatepass")):
            found.append(title)
    if found and report.passed and not item.name.endswith("_may_print_tokens"):
        report.outcome = "failed"
        report.longrepr = f"a token or a private key turned up in {', '.join(found)}"
    return report
