"""Used proofs in a Redis or Valkey that several processes share (extra ``redis``)."""

import math

from tokenward.redis import storage_of


class RedisReplays:
    """The store at ``url``. Its keys begin with ``prefix``.

    Atomic: of several calls with one key, exactly one is the first. A server that evicts keys when its memory is full
    (``maxmemory-policy``) forgets proofs early; ``noeviction`` refuses them instead. Raises ValueError, without the
    URL's password, for a URL that cannot be read.
    """

    def __init__(self, url: str, *, prefix: str = "tokenward:dpop") -> None:
        self._url = url
        self._storage = storage_of(url)
        self._prefix = prefix

    async def first_use(self, key: bytes, seconds: float) -> bool:
        return await self._storage.incr(f"{self._prefix}:{key.hex()}", math.ceil(seconds)) == 1

    def forked(self) -> None:
        self._storage = storage_of(self._url)

    async def close(self) -> None:
        client = getattr(getattr(self._storage, "bridge", None), "storage", None)  # limits has no way to close it
        if client is not None:
            await client.aclose()
