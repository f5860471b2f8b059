"""`taskward explain`: says, check by check, why a token is accepted or refused."""

import argparse
import asyncio
import sys
import time

from taskward.app import http_client, key_source, token_verifier
from taskward.operating.writer import say, say_out
from taskward.settings import Settings, load_settings
from tokenward import Clock
from tokenward.explain import Names, explain

VARIABLES = Names("JWT_ISSUER", "JWT_AUDIENCE", "JWT_ALGORITHMS", "JWT_LEEWAY", "JWT_MAX_LIFETIME", "JWKS_URL")
_SIGNS = {True: "✓", False: "✗", None: "·"}


def run(options: argparse.Namespace) -> int:
    """0 when the token would be accepted, 1 when not."""
    token = options.token
    if token == "-":  # noqa: S105 - the word for standard input
        token = ""
        if sys.stdin is not None:
            if sys.stdin.isatty():
                say("Paste the token, then press Enter and Ctrl-D:")
            token = sys.stdin.buffer.read().decode(errors="replace")
    # A token has nothing to do with the database, so asking for one here would only be in the way.
    settings = load_settings(database_url="postgresql://not-used")
    return 0 if asyncio.run(_explain(settings, token)) else 1


async def _explain(settings: Settings, token: str) -> bool:
    async with http_client(settings) as http:
        source = key_source(settings, http, Clock())
        findings = await explain(token, token_verifier(settings), source, time.time(), VARIABLES)
    for finding in findings:
        say_out(f"{_SIGNS[finding.passed]} {finding.check}: {finding.seen}")
        if finding.passed is not True and finding.advice:
            say_out(f"  → {finding.advice}")
    accepted = all(finding.passed for finding in findings)
    if accepted:
        say_out("This token is accepted.")
    elif any(finding.passed is False for finding in findings):
        say_out("This token is refused.")
    else:
        say_out("This token cannot be judged now.")
    return accepted
