"""Peer (e): Taskward without authentication. Who asks is read off the path; everything else is the service as it is."""

import sys
import time

from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.seed import USERS
from taskward import app
from taskward.cli.main import main
from tokenward import Identity

PEOPLE: dict[str, Identity] = {user: Identity(user, "", 0, time.time() + 3600, {}, {}) for user in USERS}


class Believing:
    """Stands where AuthenticationMiddleware stands, and believes."""

    def __init__(self, app: ASGIApp, backend: object) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["user"] = PEOPLE[scope["path"].split("/", 3)[2]]
        await self._app(scope, receive, send)


if __name__ == "__main__":
    app.AuthenticationMiddleware = Believing  # type: ignore[assignment, attr-defined]  # that is what this peer is
    sys.exit(main(["serve", *sys.argv[1:]]))
