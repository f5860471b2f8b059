"""An issuer for the runs: one Ed25519 key, tokens as Better Auth signs them, a key server that counts its fetches."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Issuer:
    """Serves its key set on 127.0.0.1 until `close`; `fetches` counts who asked for it."""

    kid = "Al3F1cCs4n7GsTpY7glWPgG4i2v1oOsi"

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.fetches = 0
        public = b64(self.private.public_key().public_bytes_raw())
        jwk = {"alg": "EdDSA", "crv": "Ed25519", "x": public, "kty": "OKP", "kid": self.kid}
        self.jwks = json.dumps({"keys": [jwk]}).encode()
        self._header = b64(json.dumps({"alg": "EdDSA", "kid": self.kid}, separators=(",", ":")).encode())
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.jwks_url = self.url + "/api/auth/jwks"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def token(self, subject: str, number: int = 0) -> str:
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
        signed = f"{self._header}.{b64(json.dumps(claims, separators=(',', ':')).encode())}"
        return f"{signed}.{b64(self.private.sign(signed.encode()))}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(issuer.jwks)))
                self.end_headers()
                self.wfile.write(issuer.jwks)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        return Handler
