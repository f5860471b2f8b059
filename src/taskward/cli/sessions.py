"""`taskward sessions revoke`: revokes the tokens of a person or of a session."""

import argparse
import asyncio
from typing import Any

from taskward.database.aside import revoke
from taskward.database.causes import cause
from taskward.operating.writer import say, say_out
from taskward.settings import load_settings


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    sessions = commands.add_parser("sessions", help="End tokens by hand.", description="End tokens by hand.")
    added = sessions.add_subparsers(required=True, metavar="what").add_parser(
        "revoke", help="Refuse the tokens of a person or of one session.", description="Writes one revocation."
    )
    added.set_defaults(run=run)
    whose = added.add_mutually_exclusive_group(required=True)
    whose.add_argument("--user", type=_id, metavar="ID", help="a person (sub): all tokens issued until now")
    whose.add_argument("--session", type=_id, metavar="ID", help="one session (sid)")


def run(options: argparse.Namespace) -> int:
    """0 when the revocation was written, 1 when it was not."""
    settings = load_settings()
    if settings.revocations != "database":
        say(
            "Nothing was revoked, because the service reads no revocations: set REVOCATIONS=database."
            if settings.revocations == "off"
            else "Nothing was revoked, because only the issuer writes a feed: run this where REVOCATIONS=database."
        )
        return 1
    kind, value = ("sub", options.user) if options.user is not None else ("sid", options.session)
    # The longest life of a token, plus the leeway at both ends.
    seconds = settings.jwt_max_lifetime + 2 * settings.jwt_leeway
    try:
        asyncio.run(revoke(settings.database_url.get_secret_value(), kind, value, seconds))
    except Exception as error:  # any error of the driver
        say(
            f"The revocation was not written ({cause(error)}). "
            "Check DATABASE_URL, and grant this user INSERT on auth.revocations."
        )
        return 1
    say_out("Revoked: every token of this person or session that was issued until now is refused within a second.")
    return 0


def _id(text: str) -> str:
    if not 1 <= len(text) <= 255 or not text.isprintable():
        raise argparse.ArgumentTypeError("must be 1 to 255 printable characters")
    return text
