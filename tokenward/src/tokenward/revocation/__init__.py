"""Tokens that end before they expire: what the authenticator asks on every request, and a set in memory to ask.

::

    Revocations            the protocol: is_revoked, lag, max_lag
    ├── MemoryRevocations  a set that the application fills itself
    ├── postgres           the same set, kept in step with a table
    ├── feed               the same set, kept in step with an issuer's signed feed
    └── receiver           an ASGI endpoint to which issuers push logout tokens and security events
"""

from tokenward.revocation.memory import MemoryRevocations
from tokenward.revocation.protocol import Kind, Revocation, Revocations

__all__ = ["Kind", "MemoryRevocations", "Revocation", "Revocations"]
