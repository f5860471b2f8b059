"""Discovery of key sets through an issuer's metadata (RFC 8414 §3, OpenID Connect Discovery 1.0 §4)."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from tokenward.fetch import Fetched, FetchFailed
from tokenward.jwks import JwksSource
from tokenward.strict import json_object
from tokenward.url import check_key_set_url

if TYPE_CHECKING:
    import httpx


class DiscoveredSource(JwksSource):
    """Keys of an issuer whose metadata names its key set.

    The metadata is read before the first fetch of keys, and again after each failed fetch. Its ``issuer`` must be the
    requested one (RFC 8414 §3.3), and its ``jwks_uri`` a URL that ``check_key_set_url`` accepts.
    """

    def __init__(
        self, issuer: str, http: "httpx.AsyncClient | None" = None, *, allow_http: bool = False, **options: Any
    ) -> None:
        super().__init__(metadata_urls(issuer)[0], http, **options)
        self._issuer = issuer
        self._allow_http = allow_http
        self._jwks_uri: str | None = None

    async def _ask(self, etag: str | None, no_cache: bool) -> Fetched:
        if self._jwks_uri is None:
            self._jwks_uri = await self._discover()
            self.url = self._jwks_uri
        try:
            return await self.fetcher.fetch(self._jwks_uri, etag, no_cache=no_cache)
        except FetchFailed:
            self._jwks_uri = None  # the URL may have changed
            raise

    async def _discover(self) -> str:
        failure = FetchFailed("no metadata")
        for url in metadata_urls(self._issuer):
            try:
                answer = await self.fetcher.fetch(url)
            except FetchFailed as error:
                failure = FetchFailed(f"metadata: {error}", error.retry_after)
                continue
            return self._key_set_url(answer.body or b"")
        raise failure

    def _key_set_url(self, document: bytes) -> str:
        try:
            metadata = json_object(document)
        except ValueError as error:
            raise FetchFailed(f"metadata: {error}") from None
        if metadata.get("issuer") != self._issuer:
            raise FetchFailed("metadata: its issuer is another one than was asked for")
        url = metadata.get("jwks_uri")
        if not isinstance(url, str):
            raise FetchFailed("metadata: no jwks_uri")
        try:
            check_key_set_url(url, allow_http=self._allow_http)
        except ValueError as error:
            raise FetchFailed(f"metadata: jwks_uri {error}") from None
        return url


def metadata_urls(issuer: str) -> tuple[str, str]:
    """The URLs to try. OpenID appends the well-known path to the issuer; RFC 8414 §3.1 inserts it after the host."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return (
        urlunsplit((parts.scheme, parts.netloc, f"{path}/.well-known/openid-configuration", "", "")),
        urlunsplit((parts.scheme, parts.netloc, f"/.well-known/oauth-authorization-server{path}", "", "")),
    )
