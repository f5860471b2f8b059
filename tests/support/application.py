"""The service built for a test: settings that name a stand-in issuer and a database of the test's own."""

from __future__ import annotations

from typing import Any

from taskward.app import create_app
from taskward.settings import Settings
from tokenward.testing import Issuer

ORIGIN = "http://localhost:3000"
"""The browser client's origin, the one that CORS lets in."""


def settings_for(issuer: Issuer, database_url: str, **changes: Any) -> Settings:
    """The least one has to set, and time for a busy machine; all else is as shipped unless `changes` says otherwise."""
    needed = {
        "database_url": database_url,
        "jwks_url": issuer.jwks_url,
        "jwt_issuer": issuer.url,
        "jwt_audience": issuer.audience,
        "cors_origins": ORIGIN,
        "database_timeout": 30,
    }
    return Settings(**{**needed, **changes})


def build(issuer: Issuer, database_url: str, **changes: Any) -> Any:
    return create_app(settings_for(issuer, database_url, **changes))
