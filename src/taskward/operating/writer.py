"""Unbuffered writing of log lines to a file descriptor; a failure to write raises nothing."""

import os
import sys
from typing import Any, TextIO


class Writer:
    """Writes structlog's lines to standard error.

    A line that cannot be written (no reader, full disk, full non-blocking pipe) is dropped and counted. Before the next
    line that can be written, another says how many were dropped. Nothing stays in a buffer: at exit Python would try to
    write it, fail, and end with code 120.
    """

    def __init__(self, descriptor: int, notice: bytes) -> None:
        self._descriptor = descriptor
        self._notice = notice  # with %d for how many were dropped
        self._dropped = 0
        self._torn = False  # only the first part of the last line was written

    def msg(self, line: str | bytes) -> None:
        data = line if isinstance(line, bytes) else line.encode("utf-8", "backslashreplace")
        notice = b""
        if self._dropped:
            notice = self._notice % self._dropped + b"\n"
        if self._torn:
            notice = b"\n" + notice
        if self._written(notice) and self._written(data + b"\n"):
            self._dropped = 0
        else:
            self._dropped += 1

    debug = info = warning = error = critical = exception = fatal = failure = err = warn = log = msg

    def _written(self, data: bytes) -> bool:
        try:
            while data:
                sent = os.write(self._descriptor, data)
                self._torn = sent < len(data)
                data = data[sent:]
        except OSError:
            return False
        return True


class WriterFactory:
    """The ``logger_factory`` of structlog: one writer for all loggers of the process."""

    def __init__(self, stream: TextIO | None, notice: bytes) -> None:
        self._writer = Writer(_descriptor(stream), notice)

    def __call__(self, *_: Any) -> Writer:
        return self._writer


def say(text: str) -> None:
    """Print a line on standard error. A failure to write is ignored."""
    _print(text, sys.stderr)


def say_out(text: str) -> None:
    """Print a line on standard output. A failure to write is ignored."""
    _print(text, sys.stdout)


def _print(text: str, stream: TextIO | None) -> None:
    try:
        if stream is not None:
            print(text, file=stream, flush=True)
    except (OSError, ValueError):  # the stream is closed or has no reader; the exit code still counts
        give_up(stream)


def give_up(stream: TextIO | None) -> None:
    """Redirect a stream that cannot be written to /dev/null. Otherwise Python exits with code 120."""
    try:
        if stream is not None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    except (OSError, ValueError):
        return


def _descriptor(stream: TextIO | None) -> int:
    """The stream's descriptor, or -1 if it was closed before Python started: writes to -1 fail."""
    try:
        return -1 if stream is None else stream.fileno()
    except (OSError, ValueError):
        return -1
