"""Settings: the only place where the environment is read."""

import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from taskward.database.dsn import plain_dsn
from tokenward.keyset import ALGORITHMS
from tokenward.secret import check_secret
from tokenward.throttle import FailureThrottle, Limit
from tokenward.url import check_key_set_url
from tokenward.url import is_loopback as is_loopback


class BadSettings(Exception):
    """The settings cannot be used; ``problems`` has one line for each thing to mend, without any value of a secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


def _wrong(what: str) -> PydanticCustomError:
    return PydanticCustomError("setting", "{what}", {"what": what})


def _shown(value: str) -> str:
    """A value as a line may show it: none that could be a secret pasted into the wrong variable."""
    return repr(value) if len(value) <= 60 and "@" not in value and ascii(value).isprintable() else "one of them"


class Settings(BaseSettings):
    """Every setting; the names in capitals are the environment variables. ``.env.example`` gives each its reason."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
    )

    database_url: SecretStr
    jwks_allow_http: bool = False
    jwt_secret: SecretStr | None = None
    jwks_url: str | None = Field(None, validate_default=True)  # after what its check looks at
    jwt_issuer: CommaSeparated
    jwt_audience: CommaSeparated
    jwt_algorithms: CommaSeparated = ("EdDSA", "RS256")
    jwt_leeway: float = Field(30, ge=0, le=300)
    jwt_max_lifetime: float = Field(604_800, gt=0, allow_inf_nan=False)
    jwks_ttl: float = Field(300, ge=1, le=86_400)
    jwks_max_stale: float = Field(3600, ge=0, le=604_800)
    cors_origins: CommaSeparated = ("http://localhost:3000",)
    auth_failures: str = "5/minute"
    rate_limit_storage_url: SecretStr | None = None
    trusted_proxies: CommaSeparated = ()
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65_535)
    workers: int = Field(1, ge=1, le=64)
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    log_format: Annotated[Literal["console", "json"], BeforeValidator(_lower)] = "console"
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
        try:
            return SecretStr(plain_dsn(value.get_secret_value().strip()))
        except ValueError as error:
            raise _wrong(str(error)) from None

    @field_validator("jwt_secret")
    @classmethod
    def _a_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                check_secret(value.get_secret_value())
            except ValueError as error:
                raise _wrong(str(error)) from None
        return value

    @field_validator("jwks_url")
    @classmethod
    def _one_key_source(cls, value: str | None, info: ValidationInfo) -> str | None:
        # What was refused is not among the data, and it was set: that is what the fallbacks stand for.
        secret = info.data.get("jwt_secret", "refused")
        problems = []
        if not value and secret is None:
            raise _wrong(f"is not set: {_HINTS['jwks_url']}")
        if value and secret is not None:
            problems.append("is set, and so is JWT_SECRET: keep JWKS_URL for Better Auth and remove JWT_SECRET")
        if value:
            try:
                check_key_set_url(value, allow_http=info.data.get("jwks_allow_http", True))
            except ValueError as error:
                way_out = ". Use https, or set JWKS_ALLOW_HTTP=true inside a network you trust"
                problems.append(f"{error}{way_out if 'plain http' in str(error) else ''}")
        if problems:
            raise _wrong("; it ".join(problems))
        return value or None

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
            without = f", not {', '.join(_shown(name) for name in unknown)}" if unknown else ""
            why = ". HS256 needs JWT_SECRET instead" if "HS256" in unknown else ""
            raise _wrong(f"must be out of {', '.join(sorted(ALGORITHMS))}{without}{why}")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if "*" in origin:
                raise _wrong("names exact origins; * would let every page use a signed-in person's browser")
            if not _ORIGIN.fullmatch(origin):
                raise _wrong(
                    f"{_shown(origin)} is not an origin as browsers send it, such as https://app.example or "
                    "http://localhost:3000: in small letters, with no path, no slash at the end and no usual port"
                )
        return value

    @field_validator("auth_failures")
    @classmethod
    def _a_limit(cls, value: str) -> str:
        try:
            Limit.parse(value)
        except ValueError as error:
            raise _wrong(str(error)) from None
        return value

    @field_validator("rate_limit_storage_url")
    @classmethod
    def _a_store(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                FailureThrottle("1/minute", value.get_secret_value())
            except ImportError:
                raise _wrong("needs pip install 'taskward[redis]'") from None
            except Exception:  # whatever a store's client raises, perhaps with the URL in it
                raise _wrong("must be a URL such as redis://:password@host:6379/0") from None
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            try:
                ipaddress.ip_network(address)
            except ValueError:
                raise _wrong(f"{_shown(address)} is neither an address nor a network such as 10.0.0.0/8") from None
        return value

    @field_validator("metrics_port")
    @classmethod
    def _a_port_of_its_own(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value == info.data.get("port"):
            raise _wrong("must be another one than PORT: metrics are not for the public")
        return value


_ORIGIN = re.compile(r"(?!http://.*:80$|https://.*:443$)https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9]\d{0,4})?")

_HINTS = {
    "database_url": "set it to your PostgreSQL, for example postgresql://user:password@localhost:5432/taskward",
    "jwks_url": "set it to Better Auth's key set, for example http://localhost:3000/api/auth/jwks",
    "jwt_issuer": "set it to the iss of your tokens: the origin of Better Auth's baseURL, for example http://localhost:3000",
    "jwt_audience": "set it to the aud of your tokens: jwt.audience in Better Auth, for example http://localhost:3000",
}


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and ``.env``, overrides first. Raises BadSettings with every problem at once."""
    return _load(Settings, overrides)


def _load(kind: type[Settings], overrides: dict[str, Any]) -> Settings:
    try:
        return kind(**overrides)
    except ValidationError as error:
        raise BadSettings(_problems(error)) from None
    except UnicodeDecodeError:
        raise BadSettings([".env: is not UTF-8 text"]) from None


def _problems(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        field = str(problem["loc"][0])
        text = problem["msg"].replace("Input should be", "must be")
        if problem["type"] == "missing":
            text = "is not set: " + _HINTS[field]
        lines.append(f"{field.upper()}: {text}")
    return lines
