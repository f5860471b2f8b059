"""A trusted issuer: its parameters, their checks, and the key source and verifier made from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokenward.discovery import DiscoveredSource
from tokenward.jwks import JwksSource
from tokenward.keyset import ALGORITHMS
from tokenward.secret import SecretSource, check_secret
from tokenward.source import KeySource
from tokenward.url import check_key_set_url
from tokenward.verifier import TokenVerifier

if TYPE_CHECKING:
    import httpx


class Misconfigured(ValueError):
    """The parameters cannot be used. ``problems`` has one line for each fault, which names the parameter."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """An issuer whose tokens are accepted. The parameters are those of Tokenward."""

    issuer: str | Collection[str] = ()
    audience: str | Collection[str] = ()
    jwks_url: str | None = None
    discover: bool = False
    secret: str | None = None
    algorithms: Collection[str] = ("EdDSA", "RS256")
    leeway: float = 30
    max_lifetime: float = 604_800
    ttl: float = 300
    max_stale: float = 3600
    allow_http: bool = False

    def problems(self) -> list[str]:
        found = []
        issuers = _texts(self.issuer)
        if not issuers:
            found.append("issuer: is not set: the exact iss of your tokens, for example https://app.example")
        if not _texts(self.audience):
            found.append("audience: is not set: the aud of your tokens, for example https://app.example")
        ways = [self.jwks_url is not None, self.discover, self.secret is not None].count(True)
        if ways != 1:
            found.append("jwks_url: give one of jwks_url, discover=True and secret" + (", not several" if ways else ""))
        if self.discover and len(issuers) != 1:
            found.append("discover: needs exactly one issuer, whose metadata is read")
        urls = {"jwks_url": self.jwks_url, "issuer": issuers[0] if self.discover and issuers else None}
        for name, url in urls.items():
            if url is not None:
                try:
                    check_key_set_url(url, allow_http=self.allow_http)
                except ValueError as error:
                    way_out = ". Use https, or allow_http=True inside a network you trust"
                    found.append(f"{name}: {error}{way_out if 'plain http' in str(error) else ''}")
        if self.secret is not None:
            try:
                check_secret(self.secret)
            except (ValueError, AttributeError) as error:  # the second for what is no text
                found.append(f"secret: {error if isinstance(error, ValueError) else 'must be text'}")
        elif not (algorithms := _texts(self.algorithms)) or set(algorithms) - ALGORITHMS:
            found.append(f"algorithms: must be out of {', '.join(sorted(ALGORITHMS))}")
        for name, low, high in (
            ("leeway", 0, 300),
            ("max_lifetime", 1, 1e9),
            ("ttl", 1, 86_400),
            ("max_stale", 0, 1e6),
        ):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not low <= value <= high:
                found.append(f"{name}: must be a number of seconds from {low:g} to {high:g}")
        return found

    def verifier(self) -> TokenVerifier:
        names = frozenset(several(self.algorithms))
        if names & {"EdDSA", "Ed25519"}:
            names |= {"EdDSA", "Ed25519"}  # two names for one algorithm (RFC 9864)
        return TokenVerifier(
            frozenset(several(self.issuer)),
            frozenset(several(self.audience)),
            frozenset({"HS256"}) if self.secret is not None else names,
            leeway=self.leeway,
            max_lifetime=self.max_lifetime,
            kid_required=self.secret is None,
        )

    def source(self, http: httpx.AsyncClient | None, **options: Any) -> KeySource:
        if self.secret is not None:
            return SecretSource(self.secret)
        options |= {"ttl": self.ttl, "max_stale": self.max_stale}
        if self.jwks_url is None:
            return DiscoveredSource(several(self.issuer)[0], http, allow_http=self.allow_http, **options)
        return JwksSource(self.jwks_url, http, **options)


def twice(trusted: Collection[Trusted]) -> list[str]:
    """A problem for each issuer that is in more than one of these: only one of them would count."""
    counts = Counter(issuer for each in trusted for issuer in set(_texts(each.issuer)))
    return [
        f"issuer: {issuer} is trusted twice: name it once, with all its audiences"
        for issuer, number in counts.items()
        if number > 1
    ]


def _texts(values: str | Collection[str] | None) -> tuple[str, ...]:
    """The values, or none where one of them is no text or a blank one: what was meant is unknown."""
    try:
        texts = several(values or ())
    except TypeError:
        return ()
    return texts if all(isinstance(each, str) and each.strip() for each in texts) else ()


def several(values: str | Collection[str]) -> tuple[str, ...]:
    """One value, or several."""
    return (values,) if isinstance(values, str) else tuple(values)
