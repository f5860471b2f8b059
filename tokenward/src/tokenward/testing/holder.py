"""A client that holds a key: tokens bound to it, and the proofs that go with them (RFC 9449).

::

    holder = Holder()
    token = issuer.token("ada", cnf=holder.cnf)
    client.get("/notes", headers=holder.headers(token, "GET", "https://api.example/notes"))
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from tokenward.testing.keys import SigningKey, b64, compact, without_absent


class Holder:
    """One key, and proofs made with it."""

    def __init__(self, alg: str = "ES256", *, clock: Callable[[], float] = time.time) -> None:
        self.key = SigningKey.new(alg)
        self.clock = clock

    @property
    def jwk(self) -> dict[str, Any]:
        return {name: value for name, value in self.key.jwk().items() if name not in ("alg", "kid")}

    @property
    def thumbprint(self) -> str:
        """The thumbprint of the key (RFC 7638), computed independently of the tested code."""
        text = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return b64(hashlib.sha256(text.encode()).digest())

    @property
    def cnf(self) -> dict[str, str]:
        """The claim that binds a token to this key."""
        return {"jkt": self.thumbprint}

    def proof(
        self,
        token: str,
        method: str,
        url: str,
        *,
        header: Mapping[str, Any] | None = None,
        sign: Callable[[bytes], bytes] | None = None,
        **claims: Any,
    ) -> str:
        """A proof for one request; ``header`` and ``claims`` change single members, ``ABSENT`` leaves one out."""
        head = without_absent({"typ": "dpop+jwt", "alg": self.key.alg, "jwk": self.jwk, **(header or {})})
        said = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url.partition("?")[0].partition("#")[0],
            "iat": int(self.clock()),
            "ath": b64(hashlib.sha256(token.encode()).digest()),
        }
        return compact(head, without_absent({**said, **claims}), sign or self.key.sign)

    def headers(self, token: str, method: str, url: str, **changes: Any) -> dict[str, str]:
        """The header fields of one request."""
        return {"Authorization": f"DPoP {token}", "DPoP": self.proof(token, method, url, **changes)}
