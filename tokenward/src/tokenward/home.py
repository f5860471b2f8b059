"""The event loop in which a background task runs."""

import asyncio
import os


class Home:
    """None yet, or the loop that ``settle`` was called in, until that loop or its process ends."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0

    def settle(self) -> None:
        self._loop, self._process = asyncio.get_running_loop(), os.getpid()

    def leave(self) -> None:
        self._loop = None

    @property
    def here(self) -> bool:
        """Whether it is the loop that runs now, in this thread."""
        return self._loop is asyncio.get_running_loop()

    @property
    def alive(self) -> bool:
        # A forked child inherits a loop that seems to run.
        return self._loop is not None and self._loop.is_running() and self._process == os.getpid()
