"""The embedded PostgreSQL for the browser's tests: prints its URL, and stops when its input ends.

Arguments: the folder of its data, and its port.
"""

import sys
from pathlib import Path

from taskward.embedded import EmbeddedPostgres

server = EmbeddedPostgres(Path(sys.argv[1]), int(sys.argv[2]), ephemeral=True)
print(server.start(), flush=True)
try:
    sys.stdin.read()
finally:
    server.stop()
