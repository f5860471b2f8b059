"""Settings: the only place where the environment is read."""

import ipaddress
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from limits import parse as parse_limit
from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from taskward.auth.keyset import ALGORITHMS
from taskward.auth.secret import MIN_SECRET_BYTES


class BadSettings(Exception):
    """The settings cannot be used; ``problems`` has one line for each thing to mend, without any value of a secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


def _wrong(what: str) -> PydanticCustomError:
    return PydanticCustomError("setting", "{what}", {"what": what})


class Settings(BaseSettings):
    """Every setting; the names in capitals are the environment variables. ``.env.example`` gives each its reason."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: SecretStr
    jwks_url: str | None = None
    jwks_allow_http: bool = False
    jwt_issuer: CommaSeparated
    jwt_audience: CommaSeparated
    jwt_algorithms: CommaSeparated = ("EdDSA", "RS256")
    jwt_leeway: float = Field(30, ge=0, le=300)
    jwt_max_lifetime: float = Field(604_800, gt=0)
    jwt_secret: SecretStr | None = None
    jwks_ttl: float = Field(300, ge=1, le=86_400)
    jwks_max_stale: float = Field(3600, ge=0, le=604_800)
    cors_origins: CommaSeparated = ("http://localhost:3000",)
    auth_failures: str = "5/minute"
    rate_limit_storage_url: SecretStr | None = None
    trusted_proxies: CommaSeparated = ()
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65_535)
    workers: int = Field(1, ge=1, le=64)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"
    metrics_port: int | None = Field(None, ge=1, le=65_535)
    metrics_host: str = "127.0.0.1"
    database_pool_size: int = Field(10, ge=1, le=200)
    database_timeout: float = Field(5, gt=0, le=60)
    token_cache_size: int = Field(4096, ge=1, le=1_000_000)

    @property
    def algorithms(self) -> frozenset[str]:
        """What a token's ``alg`` may be. EdDSA and Ed25519 are two names for one algorithm (RFC 9864)."""
        if self.jwt_secret is not None:
            return frozenset({"HS256"})
        allowed = frozenset(self.jwt_algorithms)
        return allowed | {"EdDSA", "Ed25519"} if allowed & {"EdDSA", "Ed25519"} else allowed

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr) -> SecretStr:
        scheme, separator, rest = value.get_secret_value().strip().partition("://")
        if not separator or scheme not in ("postgresql", "postgres", "postgresql+asyncpg"):
            raise _wrong("must be postgresql://user:password@host:port/name")
        return SecretStr(_plain_dsn("postgresql://" + rest))

    @field_validator("jwt_issuer", "jwt_audience")
    @classmethod
    def _some(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value:
            raise _wrong(_HINTS[str(info.field_name)])
        return value

    @field_validator("jwt_algorithms")
    @classmethod
    def _known_algorithms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(value) - ALGORITHMS)
        if unknown or not value:
            raise _wrong(
                f"must be out of {', '.join(sorted(ALGORITHMS))}" + (f", not {', '.join(unknown)}" if unknown else "")
            )
        return value

    @field_validator("jwt_secret")
    @classmethod
    def _long_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise _wrong(
                f"must be at least {MIN_SECRET_BYTES} bytes, for example the output of: openssl rand -base64 48"
            )
        return value

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if "*" in origin:
                raise _wrong("names exact origins; * would let every page use a signed-in person's browser")
            parts = urlsplit(origin)
            if (
                parts.scheme not in ("http", "https")
                or not parts.netloc
                or parts._replace(scheme="", netloc="").geturl()
            ):
                raise _wrong(f"{origin!r} is not an origin such as https://app.example (no path, no slash at the end)")
        return value

    @field_validator("auth_failures")
    @classmethod
    def _a_limit(cls, value: str) -> str:
        try:
            if value.strip() != "0":
                parse_limit(value)
        except ValueError:
            raise _wrong("must be a count per time such as 5/minute, or 0 to turn it off") from None
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            try:
                ipaddress.ip_network(address)
            except ValueError:
                raise _wrong(f"{address!r} is neither an address nor a network such as 10.0.0.0/8") from None
        return value

    @model_validator(mode="after")
    def _one_key_source(self) -> "Settings":
        if self.jwks_url and self.jwt_secret:
            raise _wrong("JWKS_URL and JWT_SECRET are both set. Keep JWKS_URL for Better Auth and remove JWT_SECRET")
        if not self.jwks_url and not self.jwt_secret:
            raise _wrong(f"JWKS_URL: {_HINTS['jwks_url']}")
        return self

    @model_validator(mode="after")
    def _safe_jwks_url(self) -> "Settings":
        if self.jwks_url is None:
            return self
        parts = urlsplit(self.jwks_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _wrong(f"JWKS_URL: {_HINTS['jwks_url']}")
        if parts.username or parts.password:
            raise _wrong("JWKS_URL: holds a user name or password; a key set is public and needs none")
        if parts.scheme == "http" and not is_loopback(parts.hostname) and not self.jwks_allow_http:
            raise _wrong(
                "JWKS_URL: is plain http to another machine, so whoever stands between could hand out keys. "
                "Use https, or set JWKS_ALLOW_HTTP=true inside a network you trust"
            )
        return self


_HINTS = {
    "database_url": "set it to your PostgreSQL, for example postgresql://user:password@localhost:5432/taskward",
    "jwks_url": "set it to Better Auth's key set, for example http://localhost:3000/api/auth/jwks",
    "jwt_issuer": "set it to the iss of your tokens: the origin of Better Auth's baseURL, for example http://localhost:3000",
    "jwt_audience": "set it to the aud of your tokens: jwt.audience in Better Auth, for example http://localhost:3000",
}


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and ``.env``, overrides first. Raises BadSettings with every problem at once."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise BadSettings(_problems(error)) from None


def _problems(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        field = str(problem["loc"][0]) if problem["loc"] else ""
        text = problem["msg"]
        if problem["type"] == "missing":
            text = "is not set: " + _HINTS.get(field, "it is required")
        lines.append(f"{field.upper()}: {text}" if field else text)
    # The checks across settings only run when each one stands; say the commonest of them all the same.
    if not any("JWKS_URL" in line for line in lines) and error.title == "Settings":
        lines.extend(_missing_key_source(lines))
    return lines


def _missing_key_source(lines: list[str]) -> list[str]:
    class KeySourceOnly(BaseSettings):
        model_config = Settings.model_config
        jwks_url: str | None = None
        jwt_secret: SecretStr | None = None

    found = KeySourceOnly()
    if found.jwks_url is None and found.jwt_secret is None:
        return [f"JWKS_URL: is not set: {_HINTS['jwks_url']}"]
    return []


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _plain_dsn(url: str) -> str:
    """A DSN asyncpg takes: what other drivers' URLs carry and asyncpg would send to the server is left out."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in _FOREIGN_PARAMETERS]
    return urlunsplit(parts._replace(query=urlencode(query)))


_FOREIGN_PARAMETERS = {"channel_binding", "pgbouncer", "prepared_statement_cache_size", "schema", "connection_limit"}
