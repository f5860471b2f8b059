"""`taskward check`: checks everything that the service depends on, one line each, with advice."""

import argparse
import asyncio
import logging
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import httpx
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from taskward.app import RESOURCES  # noqa: F401 - importing it declares the tables that are checked
from taskward.authentication import http_client, key_source, token_verifier
from taskward.cli.findings import Finding, as_json
from taskward.cli.revocations import Unread, read_revocations
from taskward.database.causes import advice, cause
from taskward.database.dsn import ignored_parameters
from taskward.database.engine import Database
from taskward.database.inspection import Facts, inspect
from taskward.database.schema import REVISION
from taskward.operating import health
from taskward.operating.writer import say_out
from taskward.problems import DatabaseUnavailable
from taskward.server.process import BAD_SETTINGS
from taskward.settings import BadSettings, Settings, load, load_settings
from tokenward import Clock, FailureThrottle, JwksSource, KeysUnavailable
from tokenward.events import safe_kid

OLDEST = 150_000
"""The oldest PostgreSQL that is supported, as ``server_version_num``."""
CLOCK_SECONDS = 5
"""A larger difference between this clock and the key server's is reported."""


class _AsGiven(BaseSettings):
    """DATABASE_URL as it is set, with the parameters that Settings leaves out."""

    model_config = Settings.model_config
    database_url: SecretStr


def run(options: argparse.Namespace) -> int:
    """0 when every check passes, 1 when one fails, 2 for bad settings, which --json prints as findings too."""
    try:
        settings = load_settings()
    except BadSettings as error:
        if not options.json:
            raise
        say_out(as_json([Finding("configuration", False, problem) for problem in error.problems]))
        return BAD_SETTINGS
    logging.getLogger("tokenward").addHandler(logging.NullHandler())  # the findings replace its log
    findings = asyncio.run(_look(settings))
    if options.json:
        say_out(as_json(findings))
    else:
        for finding in findings:
            say_out(finding.line())
    return 0 if all(finding.ok is not False for finding in findings) else 1


async def _look(settings: Settings) -> list[Finding]:
    findings = [Finding("configuration", True, "complete")]
    if ignored := ignored_parameters(load(_AsGiven, {}).database_url.get_secret_value()):
        names = ", ".join(name[:40] if name.isprintable() else "(unprintable)" for name in ignored)
        seen = f"DATABASE_URL: parameters not sent: {names}"
        findings.append(
            Finding("configuration", None, seen, "Remove them from DATABASE_URL: PostgreSQL has no such parameters")
        )
    findings += await _database(settings)
    findings.append(await _revocations(settings))
    findings += await _keys(settings)
    findings += _proofs(settings) if settings.dpop != "off" else _public_url(settings)
    if settings.rate_limit_storage_url is not None:
        findings.append(await _store(settings, settings.rate_limit_storage_url.get_secret_value()))
    return findings


async def _database(settings: Settings) -> list[Finding]:
    url = settings.database_url.get_secret_value()
    try:
        facts = await inspect(url, settings.database_timeout)
    except Exception as error:  # any error of the driver
        seen = f"cannot be reached or used ({cause(error)})"
        return [
            Finding("database", False, seen, f"Check DATABASE_URL. {advice(error)}"),
            Finding("migrations", None, "not checked, because the database cannot be used"),
        ]
    return [Finding("database", True, "reachable"), await _migrations(settings), *_of_facts(facts)]


def _of_facts(facts: Facts) -> Iterator[Finding]:
    if facts.number < OLDEST:
        yield Finding("database version", False, f"PostgreSQL {facts.version}", "Use 15 or later")
    if facts.encoding != "UTF8":
        advice = "Create the database again: CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'"
        yield Finding("database encoding", False, f"{facts.encoding}, in which not every text can be stored", advice)
    if not facts.knows_case:
        yield Finding(
            "database LC_CTYPE",
            None,
            "upper and lower case are told apart in ASCII only, so a search for É does not find é",
            "Create the database with LC_CTYPE 'C.UTF-8', or that of a language, such as en_US.UTF-8",
        )
    if facts.replica:
        yield Finding("database role", False, "a replica, which accepts no changes", "Name the primary in DATABASE_URL")
    if facts.read_only:
        advice = "ALTER DATABASE … RESET default_transaction_read_only, or the same for the role"
        yield Finding("database session", False, "default_transaction_read_only is on: no task can change", advice)
    if facts.settings:
        yield Finding("database session", None, f"set for this database or role: {', '.join(facts.settings)}")


async def _migrations(settings: Settings) -> Finding:
    db = Database(settings.database_url.get_secret_value(), pool_size=1, timeout=settings.database_timeout)
    await db.open()
    try:
        await health.check_migrated(db, REVISION)
    except health.NotMigrated:
        return Finding("migrations", False, "missing or older than this version", "Run taskward migrate")
    except DatabaseUnavailable as error:
        return Finding(
            "migrations",
            False,
            f"cannot be read ({error.reason})",
            "Grant this user the tables of Taskward, or make it their owner",
        )
    finally:
        await db.close()
    return Finding("migrations", True, f"at {REVISION} or later")


async def _revocations(settings: Settings) -> Finding:
    if settings.revocations == "off":
        return Finding("revocations", None, "off: tokens are accepted until they expire")
    async with http_client(settings) as http:
        source = key_source(settings, http, Clock())
        try:
            revocations = await read_revocations(settings, source, token_verifier(settings))
        except Unread as failure:
            return Finding("revocations", False, failure.seen, failure.advised)
    return Finding("revocations", True, f"{len(revocations)} in force")


async def _keys(settings: Settings) -> list[Finding]:
    dates: list[tuple[str, float]] = []

    async def note_date(response: httpx.Response) -> None:
        dates.append((response.headers.get("date", ""), time.time()))

    async with http_client(settings) as http:
        http.event_hooks["response"].append(note_date)
        source = key_source(settings, http, Clock())
        if not isinstance(source, JwksSource):
            return [Finding("keys", True, "a shared secret (HS256)")]
        try:
            await source.refresh()
        except KeysUnavailable as failure:
            advice = "Is Better Auth running there, with its jwt plugin?"
            return [Finding("keys", False, f"{source.url}: {failure}", advice), *_clock(dates)]
        keys = source.keys
        names = ", ".join(f"{safe_kid(key.kid)} ({'/'.join(sorted(key.algorithms))})" for key in keys or ())
        refused = (keys.refused if keys else {}).items()
        return [
            Finding("keys", True, f"{source.url}: {names}"),
            *(Finding(f"key {safe_kid(kid)} is left out", None, reason) for kid, reason in refused),
            *_clock(dates),
        ]


def _clock(dates: list[tuple[str, float]]) -> Iterator[Finding]:
    """A finding if this clock differs from the key server's Date field (RFC 9110 §6.6.1; whole seconds)."""
    for date, now in dates[-1:]:
        try:
            behind = parsedate_to_datetime(date).timestamp() - now
        except (ValueError, TypeError, OverflowError, OSError):
            return
        if abs(behind) > CLOCK_SECONDS:
            seen = f"{abs(behind):.0f} s {'behind' if behind > 0 else 'ahead of'} the key server's"
            yield Finding(
                "clock", False, seen, "Synchronise both machines by NTP: tokens are accepted and refused by time"
            )


def _public_url(settings: Settings) -> Iterator[Finding]:
    if settings.trusted_proxies and settings.public_url is None:
        seen = "not set: the metadata of RFC 9728 names the Host header that the proxy sends, without a stripped prefix"
        yield Finding("public URL", None, seen, "Set PUBLIC_URL to the URL that clients use")


def _proofs(settings: Settings) -> Iterator[Finding]:
    others = "bearer tokens as well" if settings.dpop == "accept" else "no other tokens"
    where = settings.public_url or "the request's Host header"
    yield Finding("dpop", True, f"bound tokens are accepted with a proof for {where}, {others}")
    if settings.dpop_replays == "database":
        yield Finding("dpop", True, "used proofs are remembered in the database")
    if settings.public_url is None:
        advice = "Set PUBLIC_URL, or a proxy that changes the Host header makes every proof wrong"
        yield Finding("dpop", None, "PUBLIC_URL is not set", advice)
    if settings.dpop_replays == "auto" and settings.rate_limit_storage_url is None:
        seen = "each worker remembers used proofs for itself, so a copied one can be used once at each of the others"
        advice = "With several workers or replicas set DPOP_REPLAYS=database, or RATE_LIMIT_STORAGE_URL"
        yield Finding("dpop", None, seen, advice)


async def _store(settings: Settings, url: str) -> Finding:
    trouble = await FailureThrottle(settings.auth_failures, url).check()
    if trouble is None:
        return Finding("store of counts", True, "reachable")
    advice = "Check RATE_LIMIT_STORAGE_URL. Until it works, no client IP is throttled"
    if settings.dpop != "off" and settings.dpop_replays == "auto":
        advice += ", and no bound token is accepted"
    return Finding("store of counts", False, f"cannot be used ({trouble})", advice)
