"""Settings: every environment variable of the service, read and checked."""

from typing import Annotated, Any, Literal, TypeVar

import httpx
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from taskward import environment, values
from taskward.database.dsn import plain_dsn
from taskward.values import lower, shown, split, wrong
from tokenward.keyset import ALGORITHMS
from tokenward.secret import check_secret
from tokenward.url import check_feed_url, check_key_set_url
from tokenward.url import is_loopback as is_loopback


class BadSettings(Exception):
    """The settings cannot be used. ``problems`` has one line for each fault, and never the value of a secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)]


class Settings(BaseSettings):
    """Every setting. Its environment variable is its name in capitals; ``.env.example`` explains each."""

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
    jwks_url: str | None = Field(None, validate_default=True)  # below jwt_secret, which its check reads
    jwt_issuer: CommaSeparated
    jwt_audience: CommaSeparated
    jwt_algorithms: CommaSeparated = ("EdDSA", "RS256")
    jwt_leeway: float = Field(30, ge=0, le=300)
    jwt_max_lifetime: float = Field(604_800, gt=0, allow_inf_nan=False)
    jwks_ttl: float = Field(300, ge=1, le=86_400)
    jwks_max_stale: float = Field(3600, ge=0, le=604_800)
    cors_origins: Annotated[CommaSeparated, AfterValidator(values.origins)] = ("http://localhost:3000",)
    cors_headers: Annotated[CommaSeparated, AfterValidator(values.field_names)] = ()
    public_url: Annotated[str | None, AfterValidator(values.public_url)] = None
    auth_failures: Annotated[str, AfterValidator(values.limit)] = "5/minute"
    rate_limit_storage_url: SecretStr | None = None
    trusted_proxies: Annotated[CommaSeparated, AfterValidator(values.networks)] = ()
    revocations: Annotated[Literal["off", "database"] | SecretStr, BeforeValidator(values.revocations)] = "off"
    revocations_max_lag: float = Field(5, ge=1, le=3600)
    dpop: Annotated[Literal["off", "accept", "require"], BeforeValidator(lower)] = "off"
    dpop_replays: Annotated[Literal["auto", "database"], BeforeValidator(lower)] = "auto"
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65_535)
    workers: int = Field(1, ge=1, le=64)
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower)] = "info"
    log_format: Annotated[Literal["console", "json"], BeforeValidator(lower)] = "console"
    metrics_port: int | None = Field(None, ge=1, le=65_535)
    metrics_host: str = "127.0.0.1"
    otel_exporter_otlp_endpoint: Annotated[str | None, AfterValidator(values.collector)] = None
    database_pool_size: int = Field(10, ge=1, le=200)
    database_timeout: float = Field(5, gt=0, le=60)
    database_idle: float = Field(300, ge=1, le=86_400)
    token_cache_size: int = Field(4096, ge=1, le=1_000_000)

    @property
    def algorithms(self) -> frozenset[str]:
        """The values of ``alg`` that are accepted. EdDSA and Ed25519 are two names for one algorithm (RFC 9864)."""
        if self.jwt_secret is not None:
            return frozenset({"HS256"})
        allowed = frozenset(self.jwt_algorithms)
        return allowed | {"EdDSA", "Ed25519"} if allowed & {"EdDSA", "Ed25519"} else allowed

    @field_validator("*", mode="before")
    @classmethod
    def _spelling(cls, value: Any, info: ValidationInfo) -> Any:
        return values.spelling(str(info.field_name), value)

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr) -> SecretStr:
        try:
            return SecretStr(plain_dsn(value.get_secret_value().strip()))
        except ValueError as error:
            raise wrong(str(error)) from None

    @field_validator("jwt_secret")
    @classmethod
    def _a_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                check_secret(value.get_secret_value())
            except ValueError as error:
                raise wrong(str(error)) from None
        return value

    @field_validator("jwks_url")
    @classmethod
    def _one_key_source(cls, value: str | None, info: ValidationInfo) -> str | None:
        # pydantic leaves invalid fields out of `info.data`. A missing entry therefore means: set, but invalid.
        secret = info.data.get("jwt_secret", "refused")
        problems = []
        if not value and secret is None:
            raise wrong(f"is not set: {_HINTS['jwks_url']}")
        if value and secret is not None:
            problems.append("is set, and so is JWT_SECRET: keep JWKS_URL for Better Auth and remove JWT_SECRET")
        if value:
            try:
                check_key_set_url(value, allow_http=info.data.get("jwks_allow_http", True))
            except ValueError as error:
                way_out = ". Use https, or set JWKS_ALLOW_HTTP=true inside a network you trust"
                problems.append(f"{error}{way_out if 'plain http' in str(error) else ''}")
        if problems:
            raise wrong("; it ".join(problems))
        return value or None

    @field_validator("jwt_issuer", "jwt_audience")
    @classmethod
    def _some(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value:
            raise wrong(_HINTS[str(info.field_name)])
        return value

    @field_validator("jwt_algorithms")
    @classmethod
    def _known_algorithms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(value) - ALGORITHMS)
        if unknown or not value:
            without = f", not {', '.join(shown(name) for name in unknown)}" if unknown else ""
            why = ". HS256 needs JWT_SECRET instead" if "HS256" in unknown else ""
            raise wrong(f"must be out of {', '.join(sorted(ALGORITHMS))}{without}{why}")
        return value

    @field_validator("rate_limit_storage_url")
    @classmethod
    def _a_store(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            values.store(value.get_secret_value())
        return value

    @field_validator("revocations")
    @classmethod
    def _a_feed(
        cls, value: Literal["off", "database"] | SecretStr, info: ValidationInfo
    ) -> Literal["off", "database"] | SecretStr:
        if not isinstance(value, SecretStr):
            return value
        try:
            check_feed_url(value.get_secret_value(), allow_http=info.data.get("jwks_allow_http", True))
        except ValueError as error:
            way_out = ". Use https, or set JWKS_ALLOW_HTTP=true inside a network you trust"
            raise wrong(
                f"must be off, database, or the URL of a feed, which {error}"
                f"{way_out if 'plain http' in str(error) else ''}"
            ) from None
        if info.data.get("jwt_secret") is not None:
            raise wrong("names a feed, which the keys of JWKS_URL sign, and JWT_SECRET is set instead")
        return value

    @field_validator("dpop")
    @classmethod
    def _with_a_url_to_prove(cls, value: str, info: ValidationInfo) -> str:
        if value != "off" and info.data.get("public_url"):
            from tokenward.dpop.target import normal_url  # not imported when DPOP is off

            try:
                normal_url(info.data["public_url"])
            except ValueError:
                raise wrong("needs a PUBLIC_URL that proofs can be made for: host and path as in a browser") from None
        return value

    @field_validator("metrics_port")
    @classmethod
    def _a_port_of_its_own(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value == info.data.get("port"):
            raise wrong("must differ from PORT: metrics must not be on the public port")
        return value


_HINTS = {
    "database_url": "set it to your PostgreSQL, for example postgresql://user:password@localhost:5432/taskward",
    "jwks_url": "set it to Better Auth's key set, for example http://localhost:3000/api/auth/jwks",
    "jwt_issuer": "set it to the iss of your tokens: the origin of Better Auth's baseURL, for example http://localhost:3000",
    "jwt_audience": "set it to the aud of your tokens: jwt.audience in Better Auth, for example http://localhost:3000",
}


S = TypeVar("S", bound=BaseSettings)


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and ``.env``; ``overrides`` win. Raises BadSettings with every problem at once."""
    settings = load(Settings, overrides)
    if found := environment.problems(proxied=not (key_server_is_local(settings) and feed_is_local(settings))):
        raise BadSettings(found)
    return settings


def load(kind: type[S], overrides: dict[str, Any]) -> S:
    """Settings of this class. Raises BadSettings for every fault of the environment or of ``.env``."""
    try:
        return kind(**overrides)
    except ValidationError as error:
        raise BadSettings(_problems(error)) from None
    except UnicodeDecodeError:
        raise BadSettings([".env: is not UTF-8 text"]) from None
    except OSError as error:
        raise BadSettings(
            [f".env: cannot be read ({error.strerror}). Correct its permissions, or start in another folder"]
        ) from None


def key_server_is_local(settings: Settings) -> bool:
    """Whether no key server is needed or it is on this machine: then no proxy is used."""
    return settings.jwks_url is None or is_loopback(httpx.URL(settings.jwks_url).host)


def feed_is_local(settings: Settings) -> bool:
    """Whether no feed of revocations is read or it is on this machine."""
    feed = settings.revocations
    return not isinstance(feed, SecretStr) or is_loopback(httpx.URL(feed.get_secret_value()).host)


def _problems(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        field = str(problem["loc"][0])
        text = problem["msg"].replace("Input should be", "must be")
        if problem["type"] == "missing":
            text = "is not set: " + _HINTS[field]
        lines.append(f"{field.upper()}: {text}")
    return lines
