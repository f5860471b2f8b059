"""Parameters read from environment variables, for ``Tokenward.from_env``."""

import os
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any


def _several(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _yes(value: str) -> bool:
    if value.lower() not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ValueError("must be true or false")
    return value.lower() in ("1", "true", "yes", "on")


def _seconds(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError("must be a number of seconds") from None


def _feed(value: str) -> str | None:
    if value.lower() == "off":
        return None
    if "://" not in value:
        raise ValueError("must be off, or the URL of a feed")
    return value


VARIABLES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "BETTER_AUTH_URL": ("base_url", str),
    "JWKS_URL": ("jwks_url", str),
    "JWT_ISSUER": ("issuer", _several),
    "JWT_AUDIENCE": ("audience", _several),
    "JWT_ALGORITHMS": ("algorithms", _several),
    "JWT_LEEWAY": ("leeway", _seconds),
    "JWT_MAX_LIFETIME": ("max_lifetime", _seconds),
    "JWT_SECRET": ("secret", str),
    "JWT_DISCOVER": ("discover", _yes),
    "JWKS_TTL": ("ttl", _seconds),
    "JWKS_MAX_STALE": ("max_stale", _seconds),
    "JWKS_ALLOW_HTTP": ("allow_http", _yes),
    "AUTH_FAILURES": ("auth_failures", str),
    "RATE_LIMIT_STORAGE_URL": ("storage_url", str),
    "PUBLIC_URL": ("resource", str),
    "REVOCATIONS": ("revocations", _feed),
    "DPOP": ("dpop", str.lower),
}
"""The parameter that each variable sets, and how its text is read. An empty variable is not set."""


_KEYS = {"jwks_url", "secret", "discover"}  # of which one says where keys come from


def parameters(environ: Mapping[str, str] | None, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """``options``, other parameters of Tokenward from the environment, and the problem of each that has one."""
    environ = os.environ if environ is None else environ
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for variable, (name, read) in VARIABLES.items():
        value = environ.get(variable, "").strip()
        if value:
            try:
                found[name] = read(value)
            except ValueError as error:
                if name not in options:
                    problems[name] = f"{variable}: {error}"
    if "resource" in found:
        found["public_url"] = found["resource"]
    if any(options.get(name) for name in _KEYS):
        found = {name: value for name, value in found.items() if name not in _KEYS}
    if {"base_url", "secret"} <= found.keys():
        problems |= {"secret": "JWT_SECRET: give this or BETTER_AUTH_URL, which publishes a key set, not both"}
    found |= options
    if "base_url" not in found:
        if not _KEYS & set(found):
            missing = "BETTER_AUTH_URL: is not set, and neither are JWKS_URL, JWT_SECRET or JWT_DISCOVER"
            problems |= dict.fromkeys(("issuer", "audience", "jwks_url"), missing)
        else:
            problems |= {
                name: f"{variable}: is not set, and neither is BETTER_AUTH_URL, which it would follow from"
                for variable, name in (("JWT_ISSUER", "issuer"), ("JWT_AUDIENCE", "audience"))
                if name not in found
            }
    return found, problems


def told(problems: Mapping[str, str], others: Iterable[str], options: Container[str]) -> list[str]:
    """``problems``, and ``others`` of Tokenward with parameters that have none, by variable unless it is an option."""
    variables = {name: variable for variable, (name, _) in VARIABLES.items() if name not in options}
    named = (problem.partition(": ") for problem in others)
    more = [f"{variables.get(name, name)}: {text}" for name, _, text in named if name not in problems]
    return list(dict.fromkeys([*problems.values(), *more]))
