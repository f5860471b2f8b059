"""Revocations read once, for a command that tells about them."""

from taskward.app import revocations_of
from taskward.database.aside import connector
from taskward.database.causes import advice, cause
from taskward.settings import Settings
from tokenward import TokenVerifier
from tokenward.revocation import MemoryRevocations
from tokenward.revocation.feed import FeedFailed
from tokenward.revocation.listener import Listener
from tokenward.revocation.postgres import PostgresRevocations
from tokenward.source import KeySource


class Unread(Exception):
    """They could not be read: what was seen, and what to do about it."""

    def __init__(self, seen: str, advised: str) -> None:
        super().__init__(seen)
        self.seen, self.advised = seen, advised


async def read_revocations(settings: Settings, source: KeySource, verifier: TokenVerifier) -> MemoryRevocations:
    """Raises Unread. REVOCATIONS must not be off."""
    listener = Listener(connector(settings.database_url.get_secret_value()))
    revocations = revocations_of(settings, listener, source, verifier)
    assert revocations is not None  # noqa: S101 - it is not off
    if not isinstance(revocations, PostgresRevocations):
        try:
            await revocations.read()
        except FeedFailed as failure:
            advised = "Does Better Auth run there, with the feed's plugin, and is the secret in the URL the right one?"
            raise Unread(f"{revocations.url}: {failure}", advised) from None
        return revocations
    try:
        await revocations.read()
    except Exception as error:  # drivers raise what they like
        raise Unread(f"cannot be read ({cause(error)})", f"Check DATABASE_URL. {advice(error)}") from None
    if revocations.problem is None:
        return revocations
    raise Unread(
        revocations.problem,
        "Let older ones expire: the set is full"
        if "more than" in revocations.problem
        else "Start the web client, which makes tables and triggers each time, or grant this user SELECT",
    )
