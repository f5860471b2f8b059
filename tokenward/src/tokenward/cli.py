"""The command ``tokenward``: explain and check."""

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from tokenward.errors import InvalidToken, KeysUnavailable
from tokenward.events import AuthEvents, safe_kid
from tokenward.explain import Finding, bare_token, explain, explain_revocation
from tokenward.fetch import USER_AGENT
from tokenward.front import Tokenward
from tokenward.jwks import JwksSource
from tokenward.jws import parse
from tokenward.revocation import MemoryRevocations
from tokenward.trusted import Misconfigured

BAD_USAGE = 2


class _Quiet(AuthEvents):
    """No log lines: the command prints its findings itself."""

    def fetched(self, *, outcome: str, detail: str, seconds: float, keys: int) -> None: ...
    def key_refused(self, kid: str, reason: str) -> None: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 good, 1 refused or failed, 2 bad usage."""
    options = vars(_parser().parse_args(arguments))
    command, token = options.pop("command"), options.pop("token", None)
    given = {name: value for name, value in options.items() if value is not None and value is not False}  # 0 is given
    base_url = given.pop("better_auth", None)
    try:
        if base_url is not None:
            auth = Tokenward.better_auth(base_url, events=_Quiet(), **given)
        elif given.keys() & {"issuer", "jwks_url", "discover"}:
            auth = Tokenward(events=_Quiet(), **given)
        else:
            auth = Tokenward.from_env(events=_Quiet(), **given)
    except Misconfigured as error:
        for problem in error.problems:
            name, _, text = problem.partition(": ")
            shown = name if name.isupper() else f"--{name.replace('base_url', 'better-auth').replace('_', '-')}"
            print(f"{shown}: {text}", file=sys.stderr)
        return BAD_USAGE
    if command == "check":
        return 0 if asyncio.run(_check(auth)) else 1
    if token == "-":  # noqa: S105 - the word for standard input
        token = sys.stdin.buffer.read().decode(errors="replace")
    return 0 if asyncio.run(_explain(auth, token)) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tokenward",
        description="Says why a token is accepted or refused, and whether an issuer's keys can be had. Without an "
        "issuer, the environment is read: BETTER_AUTH_URL, or JWKS_URL, JWT_ISSUER and JWT_AUDIENCE.",
    )
    parser.add_argument("--version", action="version", version=USER_AGENT.replace("/", " "))
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, text in (
        ("explain", "Say, check by check, why a token is accepted or refused."),
        ("check", "Fetch the key set, and the feed of revocations where one is given; exit 0 when both can be used."),
    ):
        command = commands.add_parser(name, help=text, description=text)
        if name == "explain":
            command.add_argument("token", nargs="?", default="-", help="the token; - reads it from standard input")
        command.add_argument(
            "--better-auth", metavar="URL", help="the baseURL of Better Auth; the rest follows from it"
        )
        command.add_argument("--issuer", action="append", help="an accepted iss; may be repeated")
        command.add_argument("--audience", action="append", help="an accepted aud; may be repeated")
        command.add_argument("--jwks-url", metavar="URL", help="where the issuer publishes its keys")
        command.add_argument(
            "--discover", action="store_true", help="read the key set's URL from the issuer's metadata"
        )
        command.add_argument("--algorithms", type=lambda text: text.split(","), help="comma-separated (EdDSA,RS256)")
        command.add_argument("--leeway", type=float, help="seconds of clock skew tolerated (30)")
        command.add_argument("--max-lifetime", type=float, help="longest exp - iat accepted, in seconds (604800)")
        command.add_argument("--revocations", metavar="URL", help="the issuer's feed of revocations")
        command.add_argument("--allow-http", action="store_true", help="plain http to another machine")
    return parser


async def _explain(auth: Tokenward, token: str) -> bool:
    source, verifier = auth.default
    with contextlib.suppress(InvalidToken):  # explain reports it
        source, verifier = auth.trust(parse(bare_token(token)))
    bearer = auth.dpop is None or not auth.dpop.required
    findings = await explain(token, verifier, source, time.time(), bearer=bearer)
    if isinstance(auth.revocations, MemoryRevocations):
        problem = await _unread(auth.revocations)
        advice = "check that the feed runs there and that the secret in the URL is right"
        findings.append(
            Finding("revocation", None, problem, advice) if problem else explain_revocation(token, auth.revocations)
        )
    return report(findings)


async def _unread(revocations: MemoryRevocations) -> str | None:
    """Why the feed cannot be read, or None when it was."""
    from tokenward.revocation.feed import FeedFailed, FeedRevocations

    assert isinstance(revocations, FeedRevocations)  # noqa: S101 - a command line names nothing else
    try:
        await revocations.read()
    except FeedFailed as failure:
        return f"{revocations.url}: {failure}"
    return None


def report(findings: Sequence[Finding]) -> bool:
    """Print the findings. Returns whether the token is accepted."""
    signs: dict[Any, str] = {True: "✓", False: "✗", None: "·"}
    for finding in findings:
        print(f"{signs[finding.passed]} {finding.check}: {finding.seen}")
        if finding.passed is not True and finding.advice:
            print(f"  → {finding.advice}")
    if all(finding.passed for finding in findings):
        print("This token is accepted.")
        return True
    refused = any(finding.passed is False for finding in findings)
    print("This token is refused." if refused else "This token cannot be judged now.")
    return False


async def _check(auth: Tokenward) -> bool:
    well = True
    for source in auth.sources:
        if not isinstance(source, JwksSource):
            print("✓ keys: a shared secret (HS256)")
            continue
        try:
            await source.refresh()
        except KeysUnavailable as failure:
            print(f"✗ keys: {source.url}: {failure}. Is the issuer running there?")
            well = False
            continue
        keys = source.keys
        names = ", ".join(f"{safe_kid(key.kid)} ({'/'.join(sorted(key.algorithms))})" for key in keys or ())
        print(f"✓ keys: {source.url}: {names}")
        for kid, reason in (keys.refused if keys else {}).items():
            print(f"· key {safe_kid(kid)} is left out: {reason}")
    if isinstance(auth.revocations, MemoryRevocations):
        problem = await _unread(auth.revocations)
        print(f"✗ revocations: {problem}" if problem else f"✓ revocations: {len(auth.revocations)} in force")
        well = well and problem is None
    return well


if __name__ == "__main__":
    sys.exit(main())
