"""What this package has to tell whoever watches it: one method an event."""

import logging
from collections.abc import Callable

from tokenward.errors import InvalidToken

_log = logging.getLogger("tokenward")


class AuthEvents:
    """Told of every outcome; override what you want to count or log. Never handed a token.

    The defaults log refusals and failed fetches through the standard library's ``tokenward`` logger.
    """

    def accepted(self, *, cached: bool) -> None:
        """A token was accepted, from the cache or by a full verification."""

    def missing(self) -> None:
        """A request came without credentials."""

    def refused(self, refusal: InvalidToken, *, address: str | None, throttled: bool) -> None:
        """A token was refused; ``throttled`` when its address is past the limit."""
        if not throttled:
            _log.warning(
                "token refused: %s (%s) kid=%s from %s",
                refusal.reason,
                refusal.detail,
                safe_kid(refusal.kid),
                address,
            )

    def unavailable(self, *, reason: str) -> None:
        """A token could not be judged because the keys cannot be had; ``reason`` says why, for the log."""
        _log.warning("token not judged: %s", reason)

    def uncounted(self, reason: str) -> None:
        """The store that counts refused tokens began to fail; until it is back nobody is throttled."""
        _log.warning("refused tokens cannot be counted: %s", reason)

    def out_of_step(self, lag: float) -> None:
        """A token could not be judged because revocations are not up to date; ``lag`` in seconds."""

    def unproved(self, *, reason: str) -> None:
        """A token could not be judged because the store of used proofs cannot be asked; ``reason`` is for the log."""
        _log.warning("proof not judged: %s", reason)

    def fetched(self, *, outcome: str, detail: str, seconds: float, keys: int) -> None:
        """A key set was asked for; ``outcome`` is ``replaced``, ``unchanged`` or ``failed``."""
        if outcome == "failed":
            _log.warning("key set could not be fetched: %s", detail)

    def key_refused(self, kid: str, reason: str) -> None:
        """A key of a fetched set was left out."""
        _log.warning("key %s left out: %s", safe_kid(kid), reason)


def tell(event: Callable[..., None], *args: object, **details: object) -> None:
    """Tell an observer. Its own trouble is logged and changes no answer."""
    try:
        event(*args, **details)
    except Exception:
        observer_failed()


def observer_failed() -> None:
    """Log the exception that an observer just raised."""
    _log.exception("an observer of authentication failed")


def safe_kid(kid: str | None) -> str | None:
    """A key id fit for a log line: printable ASCII, at most 64 characters."""
    if kid is None:
        return None
    if kid.startswith("\0"):  # how KeySet calls an entry that has none
        return f"(number {kid[1:6]}, without kid)" if kid[1:6].isdigit() else "(without kid)"
    return "".join(c if " " < c < "\x7f" else "?" for c in kid[:64])
