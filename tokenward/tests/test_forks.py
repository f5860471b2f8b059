"""Forked children, and facades that were closed: keys are refreshed all the same."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

REFRESHED = """
import asyncio, os, sys, time
from tokenward import AuthError, Tokenward
from tokenward.blocking import blocking
from tokenward.testing import Issuer

issuer = Issuer("https://app.example")
with issuer.running() as url:
    auth = Tokenward(issuer=issuer.url, audience=issuer.audience, jwks_url=url, ttl=1)
    headers = [(b"authorization", b"Bearer " + issuer.token("ada").encode())]

    def ask():
        if "asynchronous" in sys.argv:
            return asyncio.run(blocking(auth).authenticate_async(headers, None)).subject
        return blocking(auth).authenticate(headers, None).subject

    assert ask() == "ada"
    child = 0
    if "forked" in sys.argv:
        child = os.fork()
    else:
        blocking(auth).close()
    if child or "closed" in sys.argv:  # the server of the keys is the parent's
        issuer.rotate()
        issuer.remove(issuer.keys[0].kid)
    if child:
        os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
    deadline = time.monotonic() + 60
    while True:
        try:
            assert ask() == "ada"
        except AuthError as refusal:
            os._exit(0 if refusal.code == "invalid_token" else 2)
        if time.monotonic() > deadline:
            os._exit(3)
        time.sleep(0.02)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("way", ["blocking", "asynchronous"])
@pytest.mark.parametrize("before", ["forked", "closed"])
def test_a_removed_key_is_refused_after_one_refresh_in_a_process_whose_tokens_all_verify_at_once(
    before: str, way: str
) -> None:
    command = [sys.executable, "-c", REFRESHED, before, way]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
