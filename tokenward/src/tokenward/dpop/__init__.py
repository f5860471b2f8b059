"""DPoP (RFC 9449): access tokens that are bound to a key and accepted only with a proof of having it.

::

    Dpop               which tokens need a proof, and whether the proof is good
    ├── proof          the checks of one proof
    ├── target         the method and URL that a proof must name
    ├── nonces         nonces of the server
    └── replays        used proofs: MemoryReplays
        ├── redis      the same in a Redis or Valkey
        └── postgres   the same in a PostgreSQL table
"""

from tokenward.dpop.guard import Dpop
from tokenward.dpop.nonces import Nonces
from tokenward.dpop.replays import MemoryReplays, Replays

__all__ = ["Dpop", "MemoryReplays", "Nonces", "Replays"]
