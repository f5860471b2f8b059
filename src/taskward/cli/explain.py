"""`taskward explain`: prints, check by check, why a token is accepted or refused."""

import argparse
import asyncio
import sys
import time

from taskward.authentication import http_client, key_source, token_verifier
from taskward.cli.findings import SIGNS
from taskward.cli.revocations import Unread, read_revocations
from taskward.operating.writer import say, say_out
from taskward.settings import Settings, load_settings
from tokenward import Clock, TokenVerifier
from tokenward.explain import Finding, Names, explain, explain_revocation
from tokenward.source import KeySource

VARIABLES = Names("JWT_ISSUER", "JWT_AUDIENCE", "JWT_ALGORITHMS", "JWT_LEEWAY", "JWT_MAX_LIFETIME", "JWKS_URL", "DPOP")


def run(options: argparse.Namespace) -> int:
    """0 when the token would be accepted, 1 when it would not."""
    token = options.token
    if token == "-":  # noqa: S105 - the word for standard input
        token = ""
        if sys.stdin is not None:
            if sys.stdin.isatty():
                say("Paste the token, then press Enter and Ctrl-D:")
            token = sys.stdin.buffer.read().decode(errors="replace")
    # Unless revocations are read from the database, no DATABASE_URL is needed.
    settings = load_settings(database_url="postgresql://not-used")
    if settings.revocations == "database":
        settings = load_settings()
    return 0 if asyncio.run(_explain(settings, token)) else 1


async def _revocation(settings: Settings, token: str, source: KeySource, verifier: TokenVerifier) -> Finding:
    try:
        return explain_revocation(token, await read_revocations(settings, source, verifier))
    except Unread as failure:
        return Finding("revocation", None, failure.seen, failure.advised)


async def _explain(settings: Settings, token: str) -> bool:
    async with http_client(settings) as http:
        source = key_source(settings, http, Clock())
        verifier = token_verifier(settings)
        bearer = settings.dpop != "require"
        findings = await explain(token, verifier, source, time.time(), VARIABLES, bearer=bearer)
        if settings.revocations != "off":
            findings.append(await _revocation(settings, token, source, verifier))
    for finding in findings:
        say_out(f"{SIGNS[finding.passed]} {finding.check}: {finding.seen}")
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
