"""A program that runs PostgreSQL until its own standard input ends, so that no server outlives who started it."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading


def main(uid: str, gid: str, copy: str, *command: str) -> int:
    """Run `command` as that account where one is given; remove the folder `copy`, where one is given, at the end."""
    libc = ctypes.CDLL(None)
    server = subprocess.Popen(  # noqa: S603 - the command line is server.py's
        command,
        stdin=subprocess.DEVNULL,
        close_fds=False,  # the lock on the data is held for as long as the server lives
        # PR_SET_PDEATHSIG: should even this guard be killed, Linux tells the server to stop.
        preexec_fn=(lambda: libc.prctl(1, signal.SIGINT)) if sys.platform == "linux" else None,
        user=int(uid) if uid else None,
        group=int(gid) if gid else None,
        extra_groups=[] if uid else None,
    )

    def stop(*_: object) -> None:
        server.send_signal(signal.SIGINT)  # fast shutdown; SIGTERM would wait for every client to leave

    def watch() -> None:
        # Not sys.stdin: its lock would be held by this thread when the interpreter ends.
        while os.read(0, 4096):
            pass
        stop()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=watch, daemon=True).start()
    code = server.wait()
    if copy:
        shutil.rmtree(copy, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
