"""The PostgreSQL of a run: embedded, its own, thrown away afterwards; settings that keep it from stirring by itself."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.ground import ROOT
from benchmarks.processes import memory
from benchmarks.servers import COMMAND
from taskward.embedded import EmbeddedPostgres

#: Durable as shipped (fsync on), but no vacuum or checkpoint of its own accord during a run of seconds.
SETTINGS = {"autovacuum": "off", "checkpoint_timeout": "1h", "max_wal_size": "8GB", "shared_buffers": "2GB"}


class Database:
    """From `with` to the end of it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="taskward-bench-"))
        self._server = EmbeddedPostgres(self._folder, settings=SETTINGS)

    def __enter__(self) -> "Database":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, name: str = "taskward") -> str:
        return self._server.url(name)

    @property
    def postmaster(self) -> int:
        return int((self._folder / "data" / "postmaster.pid").read_text().split()[0])

    def memory(self) -> float:
        return memory(self.postmaster)


def migrate(environment: dict[str, str]) -> None:
    """The tables as Taskward ships them."""
    command = [*COMMAND, "migrate"]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
