"""The command: taskward serve · migrate · check · explain · sessions · dev."""

import argparse
import io
import sys
import traceback
from collections.abc import Callable, Sequence

from taskward import __version__
from taskward.cli import check, dev, explain, serve, sessions
from taskward.operating.writer import give_up, say
from taskward.server.process import BAD_SETTINGS
from taskward.settings import BadSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 good, 1 refused or failed, 2 bad settings or usage, 3 not migrated."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace" if stream is sys.stderr else "replace")
    try:
        return _run(_parser().parse_args(arguments))
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None:
                    stream.flush()
            except (OSError, ValueError):
                give_up(stream)


def _run(options: argparse.Namespace) -> int:
    try:
        code: int = options.run(options)
    except BadSettings as error:
        say("Taskward cannot start with these settings:")
        for problem in error.problems:
            say(f"  {problem}")
        say("See .env.example for every setting.")
        return BAD_SETTINGS
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # An unexpected error. The place is printed instead of the text, which may hold a secret.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        named = f" ({error.strerror}: {error.filename})" if isinstance(error, OSError) and error.filename else ""
        say(f"Taskward cannot go on: {type(error).__name__}{named} in {frame.filename}, line {frame.lineno}.")
        return BAD_SETTINGS
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
        ("serve", serve.serve, "Serve the API."),
        ("dev", dev.run, "Serve the API on a PostgreSQL of its own in .data/ (or on DATABASE_URL), migrated."),
    ):
        added = command(name, run, text)
        added.add_argument("--host", help="IP or host name to listen on (HOST)")
        added.add_argument("--port", type=int, help="port to listen on (PORT)")
        if name == "serve":
            added.add_argument("--workers", type=int, help="processes (WORKERS)")
    command("migrate", serve.migrate, "Bring the database up to date; safe to run from several places at once.")
    checked = command(
        "check", check.run, "Check configuration, database, migrations and keys; exit 0 when all are well."
    )
    checked.add_argument("--json", action="store_true", help="print the findings as JSON")
    sessions.add_to(commands)
    explained = command("explain", explain.run, "Say, check by check, why a token is accepted or refused.")
    explained.add_argument("token", nargs="?", default="-", help="the token; - or nothing reads it from standard input")
    return parser


if __name__ == "__main__":
    sys.exit(main())
