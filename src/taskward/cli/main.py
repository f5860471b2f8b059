"""The command: taskward serve · migrate · check · explain · dev."""

import argparse
import asyncio
import contextlib
import io
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence

import structlog

from taskward import __version__
from taskward.app import http_client, key_source, token_verifier
from taskward.cli import dev
from taskward.database import migrate
from taskward.database.engine import Database
from taskward.operating import health, log
from taskward.problems import DatabaseUnavailable
from taskward.server.process import serve
from taskward.settings import BadSettings, Settings, load_settings
from taskward.tasks.table import REVISION
from tokenward import Clock, JwksSource, KeysUnavailable
from tokenward.events import safe_kid
from tokenward.explain import Names, explain
from tokenward.source import KeySource

BAD_SETTINGS = 2
VARIABLES = Names("JWT_ISSUER", "JWT_AUDIENCE", "JWT_ALGORITHMS", "JWT_LEEWAY", "JWT_MAX_LIFETIME", "JWKS_URL")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 good, 1 refused or failed, 2 bad settings or usage, 3 not migrated."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show ✓ is no reason to fail
    try:
        code: int = options.run(options)
    except BadSettings as error:
        print("Taskward cannot start with these settings:", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        print("See .env.example for every setting.", file=sys.stderr)
        return BAD_SETTINGS
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="taskward", description="Each person's own tasks, behind Better Auth tokens.")
    parser.add_argument("--version", action="version", version=f"taskward {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    for name, run, text in (
        ("serve", _serve, "Serve the API."),
        ("dev", _dev, "Serve the API on a PostgreSQL of its own in .data/ (or on DATABASE_URL), migrated."),
    ):
        added = command(name, run, text)
        added.add_argument("--host", help="address to listen on (HOST)")
        added.add_argument("--port", type=int, help="port to listen on (PORT)")
        if name == "serve":
            added.add_argument("--workers", type=int, help="processes (WORKERS)")
    command("migrate", _migrate, "Bring the database up to date; safe to run from several places at once.")
    command("check", _check, "Check configuration, database, migrations and key set; exit 0 when all are well.")
    explained = command("explain", _explain, "Say, check by check, why a token is accepted or refused.")
    explained.add_argument("token", nargs="?", default="-", help="the token; - or nothing reads it from standard input")
    return parser


def _serve(options: argparse.Namespace) -> int:
    given = {name: getattr(options, name) for name in ("host", "port", "workers")}
    return serve(load_settings(**{name: value for name, value in given.items() if value is not None}))


def _migrate(options: argparse.Namespace) -> int:
    settings = load_settings()
    try:
        migrate.upgrade(settings.database_url.get_secret_value())
    except Exception as error:  # drivers raise what they like
        return _told(settings, 1, f"The database could not be migrated: {migrate.cause(error)}.")
    return _told(settings, 0, f"The database is at revision {REVISION}.")


def _told(settings: Settings, code: int, text: str) -> int:
    """Says how a command ended: to a person on the console, or as a line of the log where LOG_FORMAT is json."""
    if settings.log_format == "json":
        log.configure(settings.log_level, settings.log_format)
        logger = structlog.get_logger("taskward.migrate")
        (logger.error if code else logger.info)(text)
    else:
        print(text, file=sys.stderr if code else sys.stdout)
    return code


def _dev(options: argparse.Namespace) -> int:
    return dev.main(options.host, options.port)


def _check(options: argparse.Namespace) -> int:
    settings = load_settings()
    print("✓ configuration: complete")
    return 0 if asyncio.run(_check_all(settings)) else 1


async def _check_all(settings: Settings) -> bool:
    db = Database(settings.database_url.get_secret_value(), pool_size=1, timeout=settings.database_timeout)
    await db.open()
    try:
        well = await _check_database(db)
    finally:
        await db.close()
    return await _check_keys(settings) and well


async def _check_database(db: Database) -> bool:
    try:
        await health.check_migrated(db, REVISION)
    except health.NotMigrated:
        print("✓ database: reachable")
        print("✗ migrations: missing or older than this version. Run taskward migrate")
        return False
    except DatabaseUnavailable as error:
        print(f"✗ database: cannot be reached or used ({error.reason}). Check DATABASE_URL and that PostgreSQL runs")
        print("· migrations: not looked at")
        return False
    print("✓ database: reachable")
    print(f"✓ migrations: at {REVISION} or later")
    return True


async def _check_keys(settings: Settings) -> bool:
    async with _keys(settings) as source:
        if not isinstance(source, JwksSource):
            print("✓ keys: a shared secret (HS256)")
            return True
        try:
            await source.refresh()
        except KeysUnavailable as failure:
            print(f"✗ keys: {source.url}: {failure}. Is Better Auth running there, with its jwt plugin?")
            return False
        keys = source.keys
        names = ", ".join(f"{safe_kid(key.kid)} ({'/'.join(sorted(key.algorithms))})" for key in keys or ())
        print(f"✓ keys: {source.url}: {names}")
        for kid, reason in (keys.refused if keys else {}).items():
            print(f"· key {safe_kid(kid)} is left out: {reason}")
        return True


def _explain(options: argparse.Namespace) -> int:
    token = options.token
    if token == "-":  # noqa: S105 - the word for standard input
        if sys.stdin.isatty():
            print("Paste the token, then press Enter and Ctrl-D:", file=sys.stderr)
        token = sys.stdin.buffer.read().decode(errors="replace")
    # A token has nothing to do with the database, so asking for one here would only be in the way.
    settings = load_settings(database_url="postgresql://not-used")
    return 0 if asyncio.run(_explain_token(settings, token)) else 1


async def _explain_token(settings: Settings, token: str) -> bool:
    async with _keys(settings) as source:
        findings = await explain(token, token_verifier(settings), source, time.time(), VARIABLES)
    signs = {True: "✓", False: "✗", None: "·"}
    for finding in findings:
        print(f"{signs[finding.passed]} {finding.check}: {finding.seen}")
        if finding.passed is not True and finding.advice:
            print(f"  → {finding.advice}")
    accepted = all(finding.passed for finding in findings)
    print(
        "This token is accepted."
        if accepted
        else "This token is refused."
        if any(f.passed is False for f in findings)
        else "This token cannot be judged now."
    )
    return accepted


@contextlib.asynccontextmanager
async def _keys(settings: Settings) -> AsyncIterator[KeySource]:
    """The key source of these settings for one command, with nothing running in the background."""
    async with http_client(settings) as http:
        yield key_source(settings, http, Clock())


if __name__ == "__main__":
    sys.exit(main())
