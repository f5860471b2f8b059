"""TCP keepalive of a connection to the database."""

import socket
from typing import Any

_PROBES = 3


def keep_alive(connection: Any, *, idle: int, interval: int) -> Any:
    """Turn on TCP keepalive. Firewalls then keep the idle connection open, and this side notices when it is lost.

    The first probe is sent after ``idle`` seconds, further ones every ``interval`` seconds. After three without an
    answer the connection is closed. Returns the connection.
    """
    opened = connection._transport.get_extra_info("socket")  # asyncpg has no option for this
    if opened is not None and opened.family in (socket.AF_INET, socket.AF_INET6):
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", idle), ("TCP_KEEPINTVL", interval), ("TCP_KEEPCNT", _PROBES)):
            if hasattr(socket, name):  # not every system has all three
                opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection
