"""Processor time and memory of a process with everything below it, read from the kernel."""

import os
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the third on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()


def tree(pid: int) -> list[int]:
    """A process and its living descendants."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents.setdefault(int(stat(int(entry))[1]), []).append(int(entry))
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = [pid]
    for parent in found:
        found.extend(parents.get(parent, []))
    return found


def cpu(pid: int) -> float:
    """Seconds of processor time spent by a process, its descendants and those that have ended.

    A process's clock has nanoseconds where /proc/<pid>/stat has hundredths of a second; its number is made of the pid
    as in the kernel's posix-timers.h.
    """
    spent = 0.0
    for member in tree(pid):
        try:
            spent += time.clock_gettime((~member << 3) | 2)
            spent += sum(map(int, stat(member)[13:15])) / TICK  # children that have ended
        except (OSError, FileNotFoundError):
            continue
    return spent


def memory(pid: int) -> float:
    """Resident megabytes of a process and its descendants, shared pages counted once for each."""
    pages = sum(int(Path(f"/proc/{member}/statm").read_text().split()[1]) for member in tree(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
