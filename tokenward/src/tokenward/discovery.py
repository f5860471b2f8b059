"""Discovery of key sets through an issuer's metadata (RFC 8414 §3, OpenID Connect Discovery 1.0 §4)."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from tokenward.errors import KeysUnavailable
from tokenward.fetch import Fetched, FetchFailed
from tokenward.jwks import JwksSource
from tokenward.strict import json_object
from tokenward.url import check_key_set_url

if TYPE_CHECKING:
    import httpx


class _AnotherIssuer(FetchFailed):
    """Metadata of an issuer that was not asked for: no other URL is tried."""


class DiscoveredSource(JwksSource):
    """Keys of an issuer whose metadata names its key set.

    The metadata is read before the first fetch of keys, and again after each fetch that failed or brought no key set.
    Both of ``metadata_urls`` are tried. Its ``issuer`` must be the requested one (RFC 8414 §3.3), and its ``jwks_uri``
    a URL that ``check_key_set_url`` accepts.
    """

    def __init__(
        self, issuer: str, http: "httpx.AsyncClient | None" = None, *, allow_http: bool = False, **options: Any
    ) -> None:
        super().__init__(metadata_urls(issuer)[0], http, **options)
        self._issuer = issuer
        self._allow_http = allow_http
        self._jwks_uri: str | None = None

    async def _ask(self, etag: str | None, no_cache: bool) -> Fetched:
        url = self._jwks_uri or await self._discover()
        self._jwks_uri = self.url = url
        return await self.fetcher.fetch(url, etag, no_cache=no_cache)

    def _failed(self, started: float, error: Exception) -> KeysUnavailable:
        self._jwks_uri = None  # the URL may have changed, whatever is there now
        return super()._failed(started, error)

    async def _discover(self) -> str:
        failures: dict[str, float] = {}
        for url in metadata_urls(self._issuer):
            try:
                return self._key_set_url((await self.fetcher.fetch(url)).body or b"")
            except _AnotherIssuer:
                raise
            except FetchFailed as error:
                failures[str(error)] = error.retry_after
        raise FetchFailed(f"metadata: {', '.join(failures)}", max(failures.values()))

    def _key_set_url(self, document: bytes) -> str:
        try:
            metadata = json_object(document)
        except ValueError as error:
            raise FetchFailed(str(error)) from None
        if metadata.get("issuer", self._issuer) != self._issuer:
            raise _AnotherIssuer("metadata: its issuer is another one than was asked for")
        url = metadata.get("jwks_uri")
        if "issuer" not in metadata or not isinstance(url, str):
            raise FetchFailed("no issuer or no jwks_uri")
        try:
            check_key_set_url(url, allow_http=self._allow_http)
        except ValueError as error:
            raise FetchFailed(f"jwks_uri {error}") from None
        return url


def metadata_urls(issuer: str) -> tuple[str, str]:
    """The URLs to try. OpenID appends the well-known path to the issuer; RFC 8414 §3.1 inserts it after the host."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return (
        urlunsplit((parts.scheme, parts.netloc, f"{path}/.well-known/openid-configuration", "", "")),
        urlunsplit((parts.scheme, parts.netloc, f"/.well-known/oauth-authorization-server{path}", "", "")),
    )
