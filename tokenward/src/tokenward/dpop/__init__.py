"""Tokens that are worthless to a thief: bound to a key that their sender proves to have, by DPoP (RFC 9449).

::

    Dpop               which tokens need a proof, and whether it holds
    ├── proof          the checks of one proof
    ├── target         the method and URL that it must be made for
    ├── nonces         nonces of the server
    └── replays        used proofs: MemoryReplays
        ├── redis      the same in a Redis or Valkey
        └── postgres   the same in a PostgreSQL table
"""

from tokenward.dpop.guard import Dpop
from tokenward.dpop.nonces import Nonces
from tokenward.dpop.replays import MemoryReplays, Replays

__all__ = ["Dpop", "MemoryReplays", "Nonces", "Replays"]
