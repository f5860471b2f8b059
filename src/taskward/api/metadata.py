"""Protected resource metadata: which issuers' tokens the service accepts (RFC 9728)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PATH = "/.well-known/oauth-protected-resource"


def routes(
    issuers: tuple[str, ...], public_url: str | None = None, proofs: Mapping[str, Any] = MappingProxyType({})
) -> list[Route]:
    """Routes of the metadata. The resource is ``public_url``, or else the origin of the request (RFC 9728 §3.3).

    ``proofs`` are the members for DPoP (RFC 9728 §2).
    """

    async def protected_resource(request: Request) -> Response:
        origin = public_url or str(request.base_url).rstrip("/")
        return JSONResponse(
            {
                "resource": origin,
                "authorization_servers": list(issuers),
                "bearer_methods_supported": ["header"],
                **proofs,
                "resource_name": "Taskward",
                "resource_documentation": f"{origin}/docs",
            }
        )

    found = [Route(PATH, protected_resource)]
    if public_url and (path := unquote(urlsplit(public_url).path)):
        found.append(Route(f"{PATH}{path}", protected_resource))  # where clients look for it (RFC 9728 §3.1)
    return found
