"""Where log lines go: to a file descriptor, without a buffer, and never at the cost of what is being logged."""

import os
import sys
from typing import Any, TextIO


class Writer:
    """The standard error stream as structlog writes to it.

    A line that cannot be written (its reader is gone, the disk is full, a pipe that does not block is full) is dropped
    and counted. The next line that can be written is preceded by one that says how many were dropped. Nothing stays in
    a buffer: Python would try to write that at exit, fail, and end with code 120.
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
    """What ``structlog.configure`` takes: one writer for all loggers of the process."""

    def __init__(self, stream: TextIO | None, notice: bytes) -> None:
        self._writer = Writer(_descriptor(stream), notice)

    def __call__(self, *_: Any) -> Writer:
        return self._writer


def say(text: str) -> None:
    """A line for the person who started this, on standard error, if it can be written."""
    _print(text, sys.stderr)


def say_out(text: str) -> None:
    """A line of what a command was asked for, on standard output, if it can be written."""
    _print(text, sys.stdout)


def _print(text: str, stream: TextIO | None) -> None:
    try:
        if stream is not None:
            print(text, file=stream, flush=True)
    except (OSError, ValueError):  # closed, or its reader is gone: the exit code still tells
        give_up(stream)


def give_up(stream: TextIO | None) -> None:
    """Send what is still in the buffer of a stream that cannot be written to nowhere; else Python exits with 120."""
    try:
        if stream is not None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    except (OSError, ValueError):
        return


def _descriptor(stream: TextIO | None) -> int:
    """-1, to which nothing can be written, where the stream was closed before Python started."""
    try:
        return -1 if stream is None else stream.fileno()
    except (OSError, ValueError):
        return -1
