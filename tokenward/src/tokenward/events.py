"""The events of authentication, one method each, for logs and metrics."""

import logging
from collections.abc import Callable

from tokenward.errors import InvalidToken

_log = logging.getLogger("tokenward")


class AuthEvents:
    """Called for every outcome. Override the methods that you want to count or log. No method gets a token.

    The defaults log refusals and failed fetches through the standard library's ``tokenward`` logger.
    """

    def accepted(self, *, cached: bool) -> None:
        """A token was accepted, from the cache or by a full verification."""

    def missing(self) -> None:
        """A request came without credentials."""

    def refused(self, refusal: InvalidToken, *, address: str | None, throttled: bool) -> None:
        """A token was refused. ``throttled`` if its client IP is above the limit."""
        if not throttled:
            _log.warning(
                "token refused: %s (%s) kid=%s from %s",
                refusal.reason,
                refusal.detail,
                safe_kid(refusal.kid),
                address,
            )

    def unavailable(self, *, reason: str) -> None:
        """A token could not be judged because the keys cannot be fetched; ``reason`` is for the log."""
        _log.warning("token not judged: %s", reason)

    def uncounted(self, reason: str) -> None:
        """The store that counts refused tokens began to fail. Until it works again no client is throttled."""
        _log.warning("refused tokens cannot be counted: %s", reason)

    def out_of_step(self, lag: float) -> None:
        """A token could not be judged because the revocations are not up to date; ``lag`` is in seconds."""

    def unproved(self, *, reason: str) -> None:
        """A token could not be judged because the store of used proofs cannot be reached; ``reason`` is for the log."""
        _log.warning("proof not judged: %s", reason)

    def fetched(self, *, outcome: str, detail: str, seconds: float, keys: int) -> None:
        """A key set was requested; ``outcome`` is ``replaced``, ``unchanged`` or ``failed``."""
        if outcome == "failed":
            _log.warning("key set could not be fetched: %s", detail)

    def key_refused(self, kid: str, reason: str) -> None:
        """A key of a fetched set is unusable and was left out."""
        _log.warning("key %s left out: %s", safe_kid(kid), reason)


def tell(event: Callable[..., None], *args: object, **details: object) -> None:
    """Call an observer. Its exceptions are logged and change no answer."""
    try:
        event(*args, **details)
    except Exception:
        observer_failed()


def observer_failed() -> None:
    """Log the current exception of an observer."""
    _log.exception("an observer of authentication failed")


def safe_kid(kid: str | None) -> str | None:
    """The key ID in a form for log lines: printable ASCII, at most 64 characters."""
    if kid is None:
        return None
    if kid.startswith("\0"):  # KeySet's name for an entry without a kid
        return f"(number {kid[1:6]}, without kid)" if kid[1:6].isdigit() else "(without kid)"
    return "".join(c if " " < c < "\x7f" else "?" for c in kid[:64])
