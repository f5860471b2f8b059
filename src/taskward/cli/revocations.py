"""Revocations, read once for `check` and `explain`."""

from taskward.authentication import revocations_of
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
    """The revocations could not be read. ``seen`` is the reason, ``advised`` what to do."""

    def __init__(self, seen: str, advised: str) -> None:
        super().__init__(seen)
        self.seen, self.advised = seen, advised


async def read_revocations(settings: Settings, source: KeySource, verifier: TokenVerifier) -> MemoryRevocations:
    """The revocations in force. REVOCATIONS must not be off. Raises Unread."""
    listener = Listener(connector(settings.database_url.get_secret_value()))
    revocations = revocations_of(settings, listener, source, verifier)
    assert revocations is not None  # noqa: S101 - callers make sure that it is not off
    if not isinstance(revocations, PostgresRevocations):
        try:
            await revocations.read()
        except FeedFailed as failure:
            advised = (
                "Check that Better Auth runs there with the plugin of the feed, and that the secret in the URL is right"
            )
            raise Unread(f"{revocations.url}: {failure}", advised) from None
        return revocations
    try:
        await revocations.read()
    except Exception as error:  # any error of the driver
        raise Unread(f"cannot be read ({cause(error)})", f"Check DATABASE_URL. {advice(error)}") from None
    if revocations.problem is None:
        return revocations
    raise Unread(
        revocations.problem,
        "Let older ones expire: the set is full"
        if "more than" in revocations.problem
        else "Start the web client, which makes tables and triggers each time, or grant this user SELECT",
    )
