"""Tokenward: an authenticator made from a few parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from tokenward.authenticator import Authenticator
from tokenward.cache import TokenCache
from tokenward.clock import Clock
from tokenward.events import AuthEvents
from tokenward.revocation.protocol import Revocations
from tokenward.throttle import FailureThrottle, Limit, shared_counts
from tokenward.trusted import Misconfigured, Trusted, several, twice
from tokenward.url import check_feed_url, origin_and_path

if TYPE_CHECKING:
    import httpx

    from tokenward.dpop.guard import Dpop

Mode = Literal["off", "accept", "require"]
WELL_KNOWN = "/.well-known/oauth-protected-resource"


class Tokenward(Authenticator):
    """The authenticator that every integration of this package takes.

    ``issuer`` and ``audience`` are the exact values accepted, one or several. Keys come from ``jwks_url``, from the
    issuer's metadata (``discover=True``, RFC 8414 and OpenID), or are one ``secret`` (HS256). ``trusted`` are further
    issuers, each with keys and audience of its own.

    ``algorithms`` is what a token's ``alg`` may be; ``leeway`` (30), ``max_lifetime`` (604 800), ``ttl`` (300) and
    ``max_stale`` (3600) are seconds: tolerated clock skew, longest accepted ``exp - iat``, how long a key set is
    fresh, and how long known keys are used after that while the issuer cannot be reached. ``auth_failures`` is how many
    refused tokens a client IP has before further refused ones are answered 429 (``0``: never); ``storage_url`` names
    a Redis where replicas count together. ``resource`` is the URL of this API: it turns on protected resource
    metadata (RFC 9728), with ``scopes_supported`` in it. ``http`` fetches the keys; the caller closes it.
    ``revocations`` ends tokens before they expire: a set of them, or the URL of the issuer's feed.
    ``dpop`` is for tokens that are bound to a key (RFC 9449): ``off`` refuses them, ``accept`` takes them with a proof,
    ``require`` takes no other tokens; or it is a Dpop. ``public_url`` is where clients reach the
    root of this server, for the URL in proofs; without it the origin of ``resource``, or of the request. Further
    ``parts`` are those of Authenticator.

    Raises Misconfigured with every problem at once.
    """

    def __init__(
        self,
        *trusted: Trusted,
        issuer: str | Collection[str] = (),
        audience: str | Collection[str] = (),
        jwks_url: str | None = None,
        discover: bool = False,
        secret: str | None = None,
        algorithms: Collection[str] = ("EdDSA", "RS256"),
        leeway: float = 30,
        max_lifetime: float = 604_800,
        ttl: float = 300,
        max_stale: float = 3600,
        allow_http: bool = False,
        auth_failures: str = "5/minute",
        storage_url: str | None = None,
        cache_size: int = 4096,
        resource: str | None = None,
        scopes_supported: Collection[str] = (),
        user_agent: str | None = None,
        events: AuthEvents | None = None,
        http: httpx.AsyncClient | None = None,
        clock: Clock | None = None,
        revocations: Revocations | str | None = None,
        dpop: Mode | Dpop = "off",
        public_url: str | None = None,
        **parts: Any,
    ) -> None:
        if not trusted or (issuer, audience, jwks_url, discover, secret) != ((), (), None, False, None):
            own = Trusted(
                issuer=issuer,
                audience=audience,
                jwks_url=jwks_url,
                discover=discover,
                secret=secret,
                algorithms=algorithms,
                leeway=leeway,
                max_lifetime=max_lifetime,
                ttl=ttl,
                max_stale=max_stale,
                allow_http=allow_http,
            )
            trusted = (own, *trusted)
        problems = [problem for each in trusted for problem in each.problems()] + twice(trusted)
        try:
            Limit.parse(str(auth_failures))
        except ValueError as error:
            problems.append(f"auth_failures: {error}")
        counts = None
        try:
            counts = shared_counts(storage_url)
        except (ValueError, ImportError) as error:
            problems.append(f"storage_url: {error}")
        if resource is not None:
            try:
                origin_and_path(resource)
            except ValueError:
                problems.append("resource: must be the http or https URL of this API")
        clock = clock or Clock()
        guard: Dpop | None = None
        try:
            guard = _guard(dpop, public_url, resource, clock)
        except ValueError as error:
            problems.append(str(error))
        if isinstance(revocations, str):
            try:
                check_feed_url(revocations, allow_http=allow_http)
            except ValueError as error:
                problems.append(f"revocations: {error}")
        if problems:
            raise Misconfigured(problems)
        events = events or AuthEvents()
        options = {"clock": clock, "events": events, "user_agent": user_agent}
        pairs = [(each.source(http, **options), each.verifier()) for each in trusted]
        ended = revocations
        if isinstance(ended, str):
            from tokenward.revocation.feed import FeedRevocations

            ended = FeedRevocations(
                ended, *pairs[0], http=http, allow_http=allow_http, user_agent=user_agent, clock=clock
            )
        super().__init__(
            *pairs[0],
            others=pairs[1:],
            cache=TokenCache(cache_size),
            throttle=FailureThrottle(str(auth_failures), counts=counts, clock=clock),
            events=events,
            clock=clock,
            revocations=ended,
            dpop=guard,
            **parts,
        )
        self.trusted = trusted
        self.resource = resource
        self.scopes_supported = several(scopes_supported)
        if resource is not None:
            parts_of = urlsplit(resource)
            self.metadata_path = WELL_KNOWN + parts_of.path.rstrip("/")  # RFC 9728 §3.1
            self.metadata_url = f"{parts_of.scheme}://{parts_of.netloc}{self.metadata_path}"

    @classmethod
    def better_auth(cls, base_url: str, *, base_path: str = "/api/auth", **options: Any) -> Tokenward:
        """The Better Auth at ``base_url``, its ``baseURL`` with or without ``base_path``.

        Better Auth's jwt plugin uses the origin of its ``baseURL`` as issuer and audience, and publishes its keys at
        ``<baseURL>/api/auth/jwks``. ``issuer``, ``audience``, ``jwks_url`` and everything else can be given.
        """
        try:
            origin, path = origin_and_path(str(base_url).strip())
        except ValueError:
            problem = "base_url: must be the http or https URL of Better Auth, such as https://app.example"
            raise Misconfigured([problem]) from None
        defaults = {"issuer": origin, "audience": origin, "jwks_url": f"{origin}{path or base_path}/jwks"}
        if options.get("discover") or options.get("secret"):
            del defaults["jwks_url"]
        return cls(**(defaults | options))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Any) -> Tokenward:
        """From ``BETTER_AUTH_URL``, or from ``JWKS_URL``, ``JWT_ISSUER``, ``JWT_AUDIENCE`` and others.

        ``options`` are parameters that win over the environment. Raises Misconfigured with every problem at once.
        """
        from tokenward.environment import parameters, told

        found, problems = parameters(environ, options)
        base_url = found.pop("base_url", None)
        try:
            built = cls(**found) if base_url is None else cls.better_auth(base_url, **found)
        except Misconfigured as error:
            raise Misconfigured(told(problems, error.problems, options)) from None
        if problems:
            raise Misconfigured(told(problems, (), options))
        return built

    def metadata(self) -> dict[str, Any]:
        issuers = [issuer for each in self.trusted for issuer in several(each.issuer)]
        document: dict[str, Any] = {
            "resource": self.resource,
            "authorization_servers": issuers,
            "bearer_methods_supported": ["header"],
        }
        if self.scopes_supported:
            document["scopes_supported"] = list(self.scopes_supported)
        return document if self.dpop is None else document | self.dpop.metadata()

    async def __aenter__(self) -> Tokenward:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _guard(dpop: Mode | Dpop, public_url: str | None, resource: str | None, clock: Clock) -> Dpop | None:
    """The Dpop of ``dpop``, or None. Raises ValueError, whose text names the parameter."""
    if dpop is None or dpop == "off":
        return None
    from tokenward.dpop import Dpop, MemoryReplays  # not loaded where it is off

    if isinstance(dpop, Dpop):
        return dpop
    if dpop not in ("accept", "require"):
        raise ValueError("dpop: must be off, accept or require, or a Dpop")

    try:
        origin = resource if public_url is None else None
        return Dpop(
            required=dpop == "require", public_url=public_url, origin=origin, replays=MemoryReplays(clock=clock)
        )
    except ValueError as error:
        raise ValueError(f"public_url: {error}") from None
