"""An issuer for the runs: one Ed25519 key, tokens as Better Auth signs them, a key server that counts its fetches."""

import base64
import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def segment(content: dict[str, Any]) -> str:
    return b64(json.dumps(content, separators=(",", ":")).encode())


class Issuer:
    """Serves its key set on 127.0.0.1 until `close`; `fetches` counts by the query string it was asked with."""

    kid = "Al3F1cCs4n7GsTpY7glWPgG4i2v1oOsi"

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.fetches: Counter[str] = Counter()
        public = b64(self.private.public_key().public_bytes_raw())
        jwk = {"alg": "EdDSA", "crv": "Ed25519", "x": public, "kty": "OKP", "kid": self.kid}
        self.jwks = json.dumps({"keys": [jwk]}).encode()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.jwks_url = self.url + "/api/auth/jwks"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def under_unknown_keys(self, count: int) -> list[str]:
        """Tokens that are right in everything but their `kid`, each of another key that does not exist."""
        return [self.token("somebody", number, f"made-up-{number}") for number in range(count)]

    def token(self, subject: str, number: int = 0, kid: str = kid) -> str:
        """A token of `subject`, valid for an hour; another `number` makes another token of it."""
        now = int(time.time())
        claims = {
            "iat": now,
            "name": subject.title(),
            "email": f"{subject}@example.com",
            "emailVerified": False,
            "image": None,
            "createdAt": "2026-11-21T09:00:00.000Z",
            "updatedAt": "2026-11-21T09:00:00.000Z",
            "id": subject,
            "jti": str(number),
            "sub": subject,
            "exp": now + 3600,
            "iss": self.url,
            "aud": self.url,
        }
        signed = f"{segment({'alg': 'EdDSA', 'kid': kid})}.{segment(claims)}"
        return f"{signed}.{b64(self.private.sign(signed.encode()))}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches[self.path.partition("?for=")[2]] += 1
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(issuer.jwks)))
                self.end_headers()
                self.wfile.write(issuer.jwks)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        return Handler
