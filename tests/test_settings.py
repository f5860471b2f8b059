"""Settings: values, and one line for each problem, without secrets."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from asyncpg import connect_utils
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from taskward.database.dsn import ignored_parameters, one_dsn_for_each_host, plain_dsn
from taskward.settings import BadSettings, Settings, load_settings
from tests.support.process import ROOT

LEAST = {
    "DATABASE_URL": "postgresql://taskward:hunter2@localhost:5432/taskward",
    "JWKS_URL": "http://localhost:3000/api/auth/jwks",
    "JWT_ISSUER": "http://localhost:3000",
    "JWT_AUDIENCE": "http://localhost:3000",
}
ALL = sorted(name.upper() for name in Settings.model_fields)
SECRET = "a-shared-secret-of-more-than-32-bytes"

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Settings out of an environment that holds the least one has to set, changed; None leaves a variable out."""

    def loaded(changes: dict[str, str | None] | None = None, /, **more: str | None) -> Settings:
        for name in ALL:
            monkeypatch.delenv(name, raising=False)
        for name, value in {**LEAST, **(changes or {}), **more}.items():
            if value is not None:
                monkeypatch.setenv(name, value)
        return load_settings()

    monkeypatch.chdir(tmp_path)  # where no .env is
    return loaded


def problems(load: Load, **changes: str | None) -> list[str]:
    with pytest.raises(BadSettings) as refused:
        load(**changes)
    assert all("\n" not in line for line in refused.value.problems), "a line each"
    assert "hunter2" not in str(refused.value)
    return refused.value.problems


def only(load: Load, **changes: str | None) -> str:
    """The one problem there is."""
    lines = problems(load, **changes)
    assert len(lines) == 1, lines
    return lines[0]


# --- What the contract says ------------------------------------------------------------------------------------------


def test_defaults_are_those_of_the_contract(load: Load) -> None:
    settings = load()
    assert {
        name: getattr(settings, name.lower()) for name in ALL if name not in LEAST and not name.startswith("DATABASE_")
    } == {
        "JWKS_ALLOW_HTTP": False,
        "JWT_ALGORITHMS": ("EdDSA", "RS256"),
        "JWT_LEEWAY": 30,
        "JWT_MAX_LIFETIME": 604_800,
        "JWT_SECRET": None,
        "JWKS_TTL": 300,
        "JWKS_MAX_STALE": 3600,
        "CORS_ORIGINS": ("http://localhost:3000",),
        "CORS_HEADERS": (),
        "PUBLIC_URL": None,
        "AUTH_FAILURES": "5/minute",
        "RATE_LIMIT_STORAGE_URL": None,
        "TRUSTED_PROXIES": (),
        "REVOCATIONS": "off",
        "REVOCATIONS_MAX_LAG": 5,
        "DPOP": "off",
        "DPOP_REPLAYS": "auto",
        "HOST": "127.0.0.1",
        "PORT": 8000,
        "WORKERS": 1,
        "LOG_LEVEL": "info",
        "LOG_FORMAT": "console",
        "METRICS_PORT": None,
        "METRICS_HOST": "127.0.0.1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": None,
        "TOKEN_CACHE_SIZE": 4096,
    }


GIVEN: list[tuple[str, str, Any]] = [
    ("JWKS_URL", "https://app.example/api/auth/jwks", "https://app.example/api/auth/jwks"),
    ("JWT_ISSUER", "https://a.example, https://b.example", ("https://a.example", "https://b.example")),
    ("JWT_AUDIENCE", "one,two,", ("one", "two")),
    ("JWT_ALGORITHMS", "ES256 , PS512", ("ES256", "PS512")),
    ("JWT_LEEWAY", "0", 0),
    ("JWT_MAX_LIFETIME", "900", 900),
    ("JWKS_TTL", "60", 60),
    ("JWKS_MAX_STALE", "0", 0),
    ("JWKS_ALLOW_HTTP", "true", True),
    ("CORS_ORIGINS", "https://a.example,http://[::1]:3000", ("https://a.example", "http://[::1]:3000")),
    ("CORS_ORIGINS", "capacitor://localhost, tauri://localhost", ("capacitor://localhost", "tauri://localhost")),
    ("CORS_HEADERS", "X-Tenant, x-b3-traceid", ("X-Tenant", "x-b3-traceid")),
    ("PUBLIC_URL", "https://api.example/backend/", "https://api.example/backend"),
    ("AUTH_FAILURES", "0", "0"),
    ("AUTH_FAILURES", "20 per 5 minutes", "20 per 5 minutes"),
    ("TRUSTED_PROXIES", "10.0.0.0/8,::1", ("10.0.0.0/8", "::1")),
    ("REVOCATIONS", "database", "database"),
    ("REVOCATIONS", "Off", "off"),
    ("REVOCATIONS", "https://feed:s@app.example/r", SecretStr("https://feed:s@app.example/r")),
    ("REVOCATIONS_MAX_LAG", "2.5", 2.5),
    ("DPOP", "Require", "require"),
    ("DPOP_REPLAYS", "Database", "database"),
    ("HOST", "0.0.0.0", "0.0.0.0"),
    ("PORT", "9000", 9000),
    ("WORKERS", "4", 4),
    ("LOG_LEVEL", "WARNING", "warning"),
    ("LOG_FORMAT", "json", "json"),
    ("METRICS_PORT", "9100", 9100),
    ("METRICS_HOST", "0.0.0.0", "0.0.0.0"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318", "http://collector:4318"),
    ("DATABASE_POOL_SIZE", "3", 3),
    ("DATABASE_TIMEOUT", "0.5", 0.5),
    ("DATABASE_IDLE", "60", 60),
    ("TOKEN_CACHE_SIZE", "1", 1),
]


@pytest.mark.parametrize(("name", "value", "read"), GIVEN)
def test_every_variable_is_read(load: Load, name: str, value: str, read: Any) -> None:
    assert getattr(load({name: value}), name.lower()) == read


def test_no_variable_is_left_out_of_these_tests() -> None:
    elsewhere = {"DATABASE_URL", "JWT_SECRET", "RATE_LIMIT_STORAGE_URL"}
    assert {name for name, _, _ in GIVEN} | elsewhere == set(ALL)


def test_the_environment_goes_before_the_env_file_and_both_are_read(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# mine\nPORT=9001\nWORKERS=2\nSOMEBODY_ELSES=fine\nJWT_ISSUER='https://é.example'\n"
    )
    settings = load(PORT="9002", JWT_ISSUER=None)
    assert (settings.port, settings.workers, settings.jwt_issuer) == (9002, 2, ("https://é.example",))


def test_the_example_loads_as_it_is_and_with_every_default_spelt_out(load: Load, tmp_path: Path) -> None:
    example = (ROOT / ".env.example").read_text()
    (tmp_path / ".env").write_text(example)
    untouched = load(dict.fromkeys(LEAST))
    (tmp_path / ".env").write_text(re.sub(r"^#(?=[A-Z_]+=)", "", example, flags=re.MULTILINE))
    assert load(dict.fromkeys(LEAST)) == untouched
    assert untouched.model_dump(include={"port", "jwt_issuer"}) == {
        "port": 8000,
        "jwt_issuer": ("http://localhost:3000",),
    }


def test_an_empty_variable_counts_as_unset(load: Load) -> None:
    settings = load({name: "" for name in ALL if name not in LEAST})
    assert settings == load()
    assert only(load, JWT_ISSUER="").startswith("JWT_ISSUER: is not set")


def test_a_variable_of_spaces_or_commas_alone_names_nothing(load: Load) -> None:
    assert only(load, JWT_AUDIENCE=" , ").startswith("JWT_AUDIENCE: set it to")
    assert only(load, JWKS_URL="  ").startswith("JWKS_URL: is not set")
    assert load(CORS_ORIGINS=" ").cors_origins == ()


def test_a_setting_cannot_be_changed_afterwards(load: Load) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1


# --- Every problem at once -------------------------------------------------------------------------------------------


def test_missing_settings_are_all_listed(load: Load) -> None:
    lines = problems(load, **dict.fromkeys(LEAST))
    assert sorted(line.split(": ")[0] for line in lines) == sorted(LEAST)
    assert all("set it to" in line and "for example" in line for line in lines)


WRONG = {
    "DATABASE_URL": "mysql://u:hunter2@localhost/db",
    "JWKS_ALLOW_HTTP": "perhaps",
    "JWKS_URL": "ftp://localhost/jwks",
    "JWT_ISSUER": ",",
    "JWT_AUDIENCE": ",",
    "JWT_ALGORITHMS": "none",
    "JWT_LEEWAY": "301",
    "JWT_MAX_LIFETIME": "inf",
    "JWT_SECRET": "hunter2",
    "JWKS_TTL": "0",
    "JWKS_MAX_STALE": "-1",
    "REVOCATIONS": "on",
    "REVOCATIONS_MAX_LAG": "0",
    "DPOP": "yes",
    "DPOP_REPLAYS": "redis",
    "CORS_ORIGINS": "*",
    "CORS_HEADERS": "*",
    "PUBLIC_URL": "api.example",
    "AUTH_FAILURES": "many",
    "RATE_LIMIT_STORAGE_URL": "carrier-pigeon://u:hunter2@localhost",
    "TRUSTED_PROXIES": "proxy.example",
    "PORT": "65536",
    "WORKERS": "0",
    "LOG_LEVEL": "loud",
    "LOG_FORMAT": "xml",
    "METRICS_PORT": "port",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318",
    "DATABASE_POOL_SIZE": "0",
    "DATABASE_TIMEOUT": "nan",
    "DATABASE_IDLE": "0",
    "TOKEN_CACHE_SIZE": "many",
}


def test_every_problem_is_listed_at_once_a_line_each(load: Load) -> None:
    lines = problems(load, **WRONG)
    assert sorted(line.split(": ")[0] for line in lines) == sorted(WRONG)
    assert set(ALL) - set(WRONG) == {"HOST", "METRICS_HOST"}, "what is no address shows when it is listened on"


@pytest.mark.parametrize("name", WRONG)
def test_each_problem_is_found_alone(load: Load, name: str) -> None:
    expected = {name, "JWKS_URL"} if name == "JWT_SECRET" else {name}  # set beside JWKS_URL, it is two
    assert {line.split(": ")[0] for line in problems(load, **{name: WRONG[name]})} == expected


def test_conflicts_between_settings_are_reported_beside_faults_of_single_ones(load: Load) -> None:
    lines = problems(load, PORT="x", JWT_SECRET="hunter2", JWKS_URL="http://keys.example/hunter2", CORS_ORIGINS="*")
    assert [line.split(": ")[0] for line in lines] == ["JWT_SECRET", "JWKS_URL", "CORS_ORIGINS", "PORT"]
    assert "at least 32 bytes" in lines[0]
    assert "so is JWT_SECRET" in lines[1]
    assert "plain http" in lines[1]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("value", ["postgresql://taskward:hunter2@localhost/db", "hunter2@hunter2", "hunter2" * 20])
def test_a_secret_pasted_into_any_variable_is_never_repeated(load: Load, name: str, value: str) -> None:
    try:
        told = repr(load({name: value}).model_dump(include={"database_url", "jwt_secret"}))
    except BadSettings as refused:
        told = f"{refused} {refused!r}"
    assert "hunter2" not in told


def test_settings_that_are_printed_show_no_secret(load: Load) -> None:
    settings = load(JWT_SECRET=SECRET, JWKS_URL=None)
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_an_env_file_that_is_not_text_is_a_problem_like_others(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"JWT_SECRET=hunter2\xff\n")
    assert only(load) == ".env: is not UTF-8 text"


# --- Single rules ----------------------------------------------------------------------------------------------------


def test_the_key_set_and_the_shared_secret_are_never_on_together(load: Load) -> None:
    assert "so is JWT_SECRET" in only(load, JWT_SECRET=SECRET)
    settings = load(JWT_SECRET=SECRET, JWKS_URL=None)
    assert settings.algorithms == {"HS256"}
    assert settings.jwks_url is None


def test_a_short_secret_is_refused_by_its_bytes(load: Load) -> None:
    assert "32 bytes" in only(load, JWT_SECRET="s" * 31, JWKS_URL=None)
    assert load(JWT_SECRET="é" * 16, JWKS_URL=None).jwt_secret


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:3000/jwks",
        "http://127.0.0.1/jwks",
        "http://127.9.9.9/jwks",
        "http://[::1]:3000/jwks",
        "http://web.localhost/jwks",
        "https://keys.example/jwks",
        "HTTPS://keys.example/jwks",
    ],
)
def test_keys_may_come_over_https_or_from_this_machine(load: Load, url: str) -> None:
    assert load(JWKS_URL=url).jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.example/jwks",
        "http://10.0.0.1/jwks",
        "http://localhost.evil.example/jwks",
        "http://0.0.0.0/jwks",
        "http://127.0.0.1.evil.example/jwks",
        "http://localhost\\.evil.example/jwks",
        "http://2130706433/jwks",
    ],
)
def test_plain_http_to_another_machine_needs_to_be_allowed(load: Load, url: str) -> None:
    refused = only(load, JWKS_URL=url)
    assert refused.startswith("JWKS_URL: ")
    if "\\" not in url:
        assert "JWKS_ALLOW_HTTP=true" in refused
        assert load(JWKS_URL=url, JWKS_ALLOW_HTTP="true").jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        "keys.example/jwks",
        "localhost:3000/jwks",
        "ftp://localhost/jwks",
        "file:///etc/passwd",
        "https://",
        "http://[::1",
        "https://keys.example:port/jwks",
        "https://keys.example:99999/jwks",
        "https://a℀b.example/hunter2",
        "https:jwks",
    ],
)
def test_a_value_that_is_no_http_url_is_refused_with_an_example(load: Load, url: str) -> None:
    assert "for example http://localhost:3000/api/auth/jwks" in only(load, JWKS_URL=url, JWKS_ALLOW_HTTP="true")


def test_a_key_server_that_wants_a_password_is_refused(load: Load) -> None:
    assert "user name or password" in only(load, JWKS_URL="https://me:hunter2@keys.example/jwks")


def test_eddsa_and_ed25519_are_one_algorithm(load: Load) -> None:
    assert load().algorithms == {"EdDSA", "Ed25519", "RS256"}
    assert load(JWT_ALGORITHMS="Ed25519").algorithms == {"EdDSA", "Ed25519"}
    assert load(JWT_ALGORITHMS="ES256").algorithms == {"ES256"}


@pytest.mark.parametrize("name", ["HS256", "none", "eddsa", "RS1", "EdDSA RS256"])
def test_an_algorithm_that_is_not_on_the_list_is_named(load: Load, name: str) -> None:
    line = only(load, JWT_ALGORITHMS=f"EdDSA,{name}")
    assert f"not {name!r}" in line
    assert "ES512" in line
    assert ("JWT_SECRET" in line) == (name == "HS256")


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example",
        "http://localhost:5173",
        "http://127.0.0.1",
        "http://[::1]:80",
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
        "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn",
        "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
        "vscode-webview://1a2b3c",
        "app://obsidian.md",
    ],
)
def test_an_origin_as_browsers_send_it_is_taken(load: Load, origin: str) -> None:
    if origin.endswith("]:80"):
        assert only(load, CORS_ORIGINS=origin)
    else:
        assert load(CORS_ORIGINS=origin).cors_origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example/",
        "https://app.example/path",
        "app.example",
        "null",
        "https://App.example",
        "Capacitor://localhost",
        "file://",
        "file://host",
        "data://x",
        "capacitor://localhost/",
        "chrome-extension://",
        "https://app.example:443",
        "http://app.example:80",
        "https://a.example?b",
        "https://a.example#b",
        "https://",
        "https://a.example:port",
        "https://me@a.example",
        "https://a b.example",
        "http://[::1",
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(load: Load, origin: str) -> None:
    assert "is not an origin as browsers send it" in only(load, CORS_ORIGINS=f"https://fine.example,{origin}")


@pytest.mark.parametrize("origins", ["*", "https://*.example", "https://a.example,*"])
def test_a_star_among_the_origins_is_refused(load: Load, origins: str) -> None:
    assert "exact origins" in only(load, CORS_ORIGINS=origins)


@pytest.mark.parametrize(
    "limit",
    ["5", "five/minute", "5/fortnight", "0/minute", "-5/minute", "5/minute;1/hour", "/", "00"],
)
def test_a_limit_that_would_not_mean_what_it_says_is_refused(load: Load, limit: str) -> None:
    assert "5/minute" in only(load, AUTH_FAILURES=limit)


def test_metrics_have_a_port_of_their_own(load: Load) -> None:
    assert "must differ from PORT" in only(load, PORT="9000", METRICS_PORT="9000")


@pytest.mark.parametrize("proxy", ["10.0.0.0/33", "*", "10.0.0.1/8", "10.0.0.1:80", "proxy"])
def test_a_proxy_is_an_address_or_a_network(load: Load, proxy: str) -> None:
    assert "neither an IP nor a network" in only(load, TRUSTED_PROXIES=f"::1,{proxy}")


# --- The database's address ------------------------------------------------------------------------------------------


def understood(url: str) -> tuple[Any, Any]:
    """Addresses and parameters as asyncpg itself reads them, asked for one host after the other as the service does."""
    all_addresses = []
    for dsn in one_dsn_for_each_host(url):
        addresses, parameters = connect_utils._parse_connect_dsn_and_args(
            dsn=dsn,
            **dict.fromkeys(("host", "port", "user", "password", "passfile", "database", "ssl", "service")),
            **dict.fromkeys(("servicefile", "direct_tls", "server_settings", "target_session_attrs")),
            **dict.fromkeys(("krbsrvname", "gsslib")),
        )
        all_addresses += addresses
    return all_addresses, parameters


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_all_three_schemes_reach_the_same_database(load: Load, scheme: str) -> None:
    settings = load(DATABASE_URL=f" {scheme}://u:p@db.example:6543/tasks ")
    addresses, parameters = understood(settings.database_url.get_secret_value())
    assert addresses == [("db.example", 6543)]
    assert (parameters.user, parameters.password, parameters.database) == ("u", "p", "tasks")


def test_several_hosts_and_their_wish_are_kept(load: Load) -> None:
    url = "postgresql://u:p@one:5433,two,[::1]:5434/tasks?target_session_attrs=primary"
    addresses, parameters = understood(load(DATABASE_URL=url).database_url.get_secret_value())
    assert addresses == [("one", 5433), ("two", 5432), ("::1", 5434)]
    assert parameters.target_session_attrs.value == "primary"


@pytest.mark.parametrize("query", ["sslmode=require", "ssl=require", "sslmode=require&channel_binding=require"])
def test_the_wish_for_encryption_is_kept_however_it_is_spelt(load: Load, query: str) -> None:
    _, parameters = understood(load(DATABASE_URL=f"postgresql://u:p@h/d?{query}").database_url.get_secret_value())
    assert parameters.sslmode.name == "require"
    assert not parameters.server_settings


def test_a_misspelt_wish_for_encryption_is_not_ignored(load: Load) -> None:
    assert "sslmode" in only(load, DATABASE_URL="postgresql://u:hunter2@h/d?sslmode=required")
    assert "sslmode" in only(load, DATABASE_URL="postgresql://u:hunter2@h/d?ssl=on")
    assert "differ" in only(load, DATABASE_URL="postgresql://u:hunter2@h/d?ssl=require&sslmode=disable")


def test_parameters_of_other_drivers_are_left_out_and_settings_of_the_server_are_kept(load: Load) -> None:
    url = "postgresql://u:p@h/d?channel_binding=require&pgbouncer=true&schema=public&connect_timeout=5&search_path=mine"
    _, parameters = understood(load(DATABASE_URL=url).database_url.get_secret_value())
    assert parameters.server_settings == {"search_path": "mine"}


@given(
    user=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1),
    password=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1),
)
def test_any_user_and_password_reach_the_driver_as_they_are(user: str, password: str) -> None:
    from urllib.parse import quote

    _, parameters = understood(plain_dsn(f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@h/d"))
    assert (parameters.user, parameters.password) == (user, password)


def test_an_at_sign_in_a_password_is_understood_even_where_it_was_not_encoded(load: Load) -> None:
    addresses, parameters = understood(load(DATABASE_URL="postgresql://u:p@ss@h:1/d").database_url.get_secret_value())
    assert (addresses, parameters.password) == ([("h", 1)], "p@ss")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hunter2",
        "postgresql:hunter2",
        "postgresql:/u:hunter2@h/d",
        "mysql://u:hunter2@h/d",
        "http://u:hunter2@h/d",
        "postgresql://u:hun/ter2@h/d",
        "postgresql://u:1/hunter2@h/d",
        "postgresql://u:#hunter2@h/d",
        "postgresql://u:?hunter2@h/d",
        "postgresql://u:[hunter2@h/d",
        "postgresql://u:hunter2]@h/d",
        "postgresql://u:hunter2℀@h/d",
        "postgresql://u:hunter2@h:port/d",
        "postgresql://u:hunter2@h,,i/d",
        "postgresql+psycopg://u:hunter2@h/d",
        "postgresql://u:hunter2@[::1/d",
        "sqlite:///hunter2.db",
        "://hunter2",
    ],
)
def test_a_malformed_address_is_one_line_without_the_password(load: Load, url: str) -> None:
    line = only(load, DATABASE_URL=url)
    assert "postgresql://user:password@" in line
    assert "hunter" not in line
    assert "ter2" not in line


@pytest.mark.parametrize(
    ("character", "encoded"), [("[", "%5B"), ("]", "%5D"), ("/", "%2F"), ("?", "%3F"), ("#", "%23")]
)
@pytest.mark.parametrize("password", ["{}hunter2", "hun{}ter2", "hunter2{}"])
def test_a_character_to_encode_in_the_password_is_named_with_its_code(
    load: Load, character: str, encoded: str, password: str
) -> None:
    line = only(load, DATABASE_URL=f"postgresql://u:{password.format(character)}@h/d")
    assert f"It has {character} there: write {encoded}" in line
    assert load(DATABASE_URL=f"postgresql://u:{password.format(encoded)}@h/d")


@pytest.mark.parametrize(
    ("query", "sent", "ignored"),
    [
        ("supa=base-pooler.x", {}, ["supa"]),
        ("uselibpqcompat=true&sslmode=require", {}, ["uselibpqcompat"]),
        ("pgbouncer=true&connection_limit=1&pool_timeout=0", {}, ["connection_limit", "pgbouncer", "pool_timeout"]),
        ("application_name=x&TimeZone=UTC", {"application_name": "x", "TimeZone": "UTC"}, []),
        ("options=-c%20search_path%3Dx", {"options": "-c search_path=x"}, []),
        ("schema=public", {}, []),
        ("schema=My%20own", {"search_path": '"My own"'}, []),
        ("endpoint=ep-1&keepalives=1&tcp_user_timeout=1", {"tcp_user_timeout": "1"}, ["endpoint", "keepalives"]),
    ],
)
def test_parameters_of_other_drivers_are_left_out_and_named(
    query: str, sent: dict[str, str], ignored: list[str]
) -> None:
    url = f"postgresql://u@h/d?{query}"
    _, parameters = understood(plain_dsn(url))
    assert (parameters.server_settings or {}) == sent
    assert ignored_parameters(url) == ignored


def test_an_address_in_a_parameter_is_refused_because_it_would_change_where_to_connect(load: Load) -> None:
    assert "write that IP as the host" in only(load, DATABASE_URL="postgresql://u@h/d?hostaddr=192.0.2.1")


def test_the_systems_certificates_are_taken_by_libpqs_name_for_them(load: Load) -> None:
    url = load(DATABASE_URL="postgresql://u@h/d?sslrootcert=system").database_url.get_secret_value()
    assert "sslmode=verify-full" in url
    assert Path(re.findall(r"sslrootcert=([^&]+)", url)[0].replace("%2F", "/")).exists()


QUOTES = ["'", '"', "`", "“", "’"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("quote", QUOTES)
def test_quotes_that_docker_keeps_around_a_value_are_named_as_the_cause(load: Load, name: str, quote: str) -> None:
    line = next(line for line in problems(load, **{name: f"{quote}hunter2{quote}"}) if line.startswith(f"{name}: "))
    assert "has quotes around it" in line
    assert "docker --env-file" in line


@pytest.mark.parametrize(
    "name", [name for name in ALL if name not in ("DATABASE_URL", "JWT_SECRET", "RATE_LIMIT_STORAGE_URL")]
)
@pytest.mark.parametrize("value", ['"half', "half'"])
def test_a_quote_at_one_end_is_named_too_except_of_a_secret_which_may_have_it(
    load: Load, name: str, value: str
) -> None:
    assert any("has quotes" in line for line in problems(load, **{name: value}))
    assert load(JWT_SECRET=SECRET + "'", JWKS_URL=None)


@pytest.mark.parametrize("name", [name for name in ALL if name not in LEAST and name != "JWT_SECRET"])
@pytest.mark.parametrize("link", ["tcp://10.0.0.1:9090", "udp://[fd00::1]:53", "TCP://10.96.0.1:443"])
def test_a_variable_of_a_kubernetes_service_is_named_as_the_cause(load: Load, name: str, link: str) -> None:
    assert "enableServiceLinks: false" in only(load, **{name: link})


@pytest.mark.parametrize(
    "name", ["JWT_ISSUER", "JWT_AUDIENCE", "CORS_ORIGINS", "CORS_HEADERS", "TRUSTED_PROXIES", "JWT_ALGORITHMS"]
)
def test_a_list_in_brackets_is_refused_with_the_right_form(load: Load, name: str) -> None:
    assert "separated by commas" in only(load, **{name: '["one","two"]'})


@pytest.mark.parametrize(
    "url",
    [
        "api.example",
        "/backend",
        "ftp://api.example",
        "https://",
        "https://me@api.example",
        "https://api.example?x=1",
        "https://api.example/#x",
        "https://api.example:port",
        "https://api.example:99999",
        "https://api.example/é",
        "https://[::1",
        "https://api.example/a b",
        "https://api.example/{x}",
        "https://api.example/%7Bx:y%7D",
        "https://api.example/%0a",
    ],
)
def test_a_public_url_is_one_to_which_paths_can_be_added(load: Load, url: str) -> None:
    assert "the http or https URL at which clients reach" in only(load, PUBLIC_URL=url)


def test_a_store_of_counts_says_what_is_wrong_with_its_url(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "must be redis://" in only(load, RATE_LIMIT_STORAGE_URL="memcached://h:1")
    assert "percent-encoded" in only(load, RATE_LIMIT_STORAGE_URL="redis://:hunter2[@h:6379")
    assert "percent-encoded" in only(load, RATE_LIMIT_STORAGE_URL="redis://:hunter2@h:port")
    monkeypatch.setitem(sys.modules, "tokenward.redis", None)
    assert "pip install" in only(load, RATE_LIMIT_STORAGE_URL="redis://h:6379")


@given(st.text(st.sampled_from("abc:/@?#[]%,.=&+-\u2100 \x1f1"), max_size=30))
@example("//::")
def test_every_dsn_is_read_by_the_driver_in_the_same_way_or_refused(rest: str) -> None:
    with contextlib.suppress(ValueError):
        plain = plain_dsn(f"postgresql://{rest}")
        with contextlib.suppress(asyncpg.ClientConfigurationError):  # such as an unknown target_session_attrs
            assert understood(plain)
        return
    with pytest.raises(
        ValueError,
        match=r"^(must be postgresql://user:password@host:port/name|has (an sslmode|ssl and|a parameter hostaddr))",
    ):
        plain_dsn(f"postgresql://{rest}")
