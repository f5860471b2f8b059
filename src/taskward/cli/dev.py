"""`taskward dev`: the service on a PostgreSQL of its own, with settings that fit a Better Auth on this machine."""

import contextlib
import os
import sys
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from taskward.database import migrate
from taskward.embedded import EmbeddedPostgres, PostgresUnavailable
from taskward.server.process import serve
from taskward.settings import Settings, load_settings

DATA = Path(".data")
BETTER_AUTH = "http://localhost:3000"


class Given(BaseSettings):
    """What the environment or `.env` says already; it is left as it is."""

    model_config = Settings.model_config
    database_url: SecretStr | None = None
    jwks_url: str | None = None
    jwt_secret: SecretStr | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None


def main(host: str | None = None, port: int | None = None) -> int:
    """Serve until told to stop, then stop the database; the data stays in `.data/`. Returns the exit code."""
    given = Given()
    if not (given.jwks_url or given.jwt_secret):
        os.environ["JWKS_URL"] = f"{BETTER_AUTH}/api/auth/jwks"
    for name, value in (("JWT_ISSUER", given.jwt_issuer), ("JWT_AUDIENCE", given.jwt_audience)):
        if not value:
            os.environ[name] = BETTER_AUTH
    with contextlib.ExitStack() as stack:
        try:
            if given.database_url is None:
                server = stack.enter_context(EmbeddedPostgres(DATA / "postgres"))
                # The environment, because it is what uvicorn's workers read.
                os.environ["DATABASE_URL"] = server.url()
                print(f"PostgreSQL is up on 127.0.0.1:{server.port}; its data is in {DATA.absolute()}", file=sys.stderr)
        except PostgresUnavailable as problem:
            print(problem, file=sys.stderr)
            return 1
        overrides = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
        settings = load_settings(**overrides)
        try:
            migrate.upgrade(settings.database_url.get_secret_value())
        except Exception as error:  # drivers raise what they like; nothing of the URL is in a class name
            print(f"The database cannot be used ({type(error).__name__}): check DATABASE_URL.", file=sys.stderr)
            return 1
        return serve(settings)
