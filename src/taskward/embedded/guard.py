"""A program that runs PostgreSQL until its standard input closes, so that no server outlives its parent."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading


def main(uid: str, gid: str, copy: str, *command: str) -> int:
    """Run `command`, as account `uid` if it is given, and remove the folder `copy` at the end if it is given."""
    libc = ctypes.CDLL(None)
    server = subprocess.Popen(  # noqa: S603 - server.py makes the command line
        command,
        stdin=subprocess.DEVNULL,
        close_fds=False,  # the server inherits the lock on the data
        # PR_SET_PDEATHSIG: Linux stops the server when this guard is killed.
        preexec_fn=(lambda: libc.prctl(1, signal.SIGINT)) if sys.platform == "linux" else None,
        user=int(uid) if uid else None,
        group=int(gid) if gid else None,
        extra_groups=[] if uid else None,
    )

    def stop(*_: object) -> None:
        server.send_signal(signal.SIGINT)  # fast shutdown; SIGTERM would wait for every client to leave

    def watch() -> None:
        # Not sys.stdin: this thread would hold its lock when the interpreter exits.
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
