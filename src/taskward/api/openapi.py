"""The OpenAPI 3.1 document, assembled from the descriptions beside the handlers.

``python -m taskward.api.openapi`` prints it.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from taskward import __version__
from taskward.api import described
from taskward.api.described import Schema
from taskward.api.routing import METHODS
from taskward.problems import DESCRIBED

_INTRODUCTION = """Each person's own tasks.

Every path under `/api/` needs `Authorization: Bearer <jwt>`, a token that Better Auth issued for this service.
`{user_id}` is the token's `sub`, or the word `me`. A task's `ETag` is its `updated_at` in quotes.

Every error is `application/problem+json` (RFC 9457) in one shape."""

#: Error statuses that every private route may answer with.
_ALWAYS = (400, 401, 403, 406, 413, 429, 500, 503)

_SCHEMES: dict[str, Schema] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "dpop": {"type": "http", "scheme": "dpop", "description": "A bound token, with a proof in `DPoP` (RFC 9449)."},
}
#: The values of DPOP with which each scheme is accepted.
_OFFERED = {"bearer": ("off", "accept"), "dpop": ("accept", "require")}

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class Resource:
    """A resource of the API: its routes, and the schemas and query parameters that they share."""

    tag: str
    description: str
    routes: list[Route]
    schemas: dict[str, Schema]
    parameters: dict[str, Schema] = field(default_factory=dict)


def operation(
    name: str,
    summary: str,
    answers: dict[int, Schema],
    *errors: int,
    parameters: Iterable[Schema] = (),
    body: Schema | None = None,
) -> Callable[[Handler], Handler]:
    """A decorator that describes a handler for OpenAPI. ``errors`` are statuses besides those in _ALWAYS."""
    responses = {str(status): answer for status, answer in answers.items()}
    for status in sorted({*_ALWAYS, *errors}):
        responses[str(status)] = described.ref("responses", DESCRIBED[status][0])
    said: Schema = {"operationId": name, "summary": summary, "tags": [], "responses": responses}
    if parameters:
        said["parameters"] = list(parameters)
    if body:
        said["requestBody"] = body

    def say(handler: Handler) -> Handler:
        handler.operation = said  # type: ignore[attr-defined]  # functions take attributes
        return handler

    return say


def routes(resources: Iterable[Resource], public_url: str | None = None, dpop: str = "off") -> list[Route]:
    found = document(resources, public_url, dpop)

    async def openapi(request: Request) -> Response:
        return JSONResponse(found)

    return [Route("/openapi.json", openapi)]


def document(resources: Iterable[Resource], public_url: str | None = None, dpop: str = "off") -> dict[str, Any]:
    """The OpenAPI document of a service with these resources, reached at ``public_url``; ``dpop`` is the setting."""
    resources = tuple(resources)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Taskward", "version": __version__, "description": _INTRODUCTION},
        # "." is relative to the URL of this document: it is right behind a proxy that strips a prefix, too.
        "servers": [{"url": public_url or "."}],
        "security": [{name: []} for name in _SCHEMES if dpop in _OFFERED[name]],
        "tags": [
            *({"name": resource.tag, "description": resource.description} for resource in resources),
            {"name": "service", "description": "Open paths, without a token"},
        ],
        "paths": {
            **{f"/api{route.path}": _path(resource, route) for resource in resources for route in resource.routes},
            **_open_paths(),
        },
        "components": {
            "securitySchemes": {name: scheme for name, scheme in _SCHEMES.items() if dpop in _OFFERED[name]},
            "schemas": {
                **{name: schema for resource in resources for name, schema in resource.schemas.items()},
                "Problem": described.problem_schema(),
            },
            "responses": {name: described.problem(status, text) for status, (name, text) in DESCRIBED.items()},
            "parameters": described.parameters(
                {n: p for resource in resources for n, p in resource.parameters.items()}
            ),
            "headers": described.headers(),
        },
    }


def _path(resource: Resource, route: Route) -> Schema:
    """The description of a path. A handler without ``@operation`` raises AttributeError at start."""
    names = re.findall(r"{(\w+)}", route.path)
    path: Schema = {"parameters": [described.ref("parameters", name) for name in names]}
    for method in METHODS:
        if handler := getattr(route.endpoint, method.lower(), None):
            path[method.lower()] = {**handler.operation, "tags": [resource.tag]}
    return path


def _open_paths() -> dict[str, Any]:
    def get(name: str, summary: str, answer: str, **more: Any) -> dict[str, Any]:
        ok = {"description": answer, "content": {"application/json": {"schema": {"type": "object"}}}}
        operation = {"operationId": name, "summary": summary, "tags": ["service"], "security": []}
        responses = {"200": ok, "405": described.ref("responses", "MethodNotAllowed"), **more}
        return {"get": {**operation, "responses": responses}}

    return {
        "/healthz": get("alive", "Whether the process is alive", "The process is alive"),
        "/readyz": get(
            "ready",
            "Whether the service is ready",
            "The service is ready",
            **{"503": described.ref("responses", "Unavailable")},
        ),
        "/openapi.json": get("openapi", "This document", "This document"),
        "/.well-known/oauth-protected-resource": get(
            "protectedResource", "Protected resource metadata (RFC 9728)", "The metadata"
        ),
    }


if __name__ == "__main__":
    from taskward.app import RESOURCES

    print(json.dumps(document(RESOURCES), indent=2, ensure_ascii=False))  # noqa: T201 - this is what it is for
