"""FastAPI: the caller as a dependency, gates as security scopes, the scheme in OpenAPI.

::

    app = FastAPI()
    protect(app, Tokenward.better_auth("https://app.example"))

    @app.get("/notes")
    async def notes(me: Caller) -> dict[str, str]:
        return {"owner": me.subject}
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Generic

from fastapi import Depends, FastAPI, Request, Security
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.responses import JSONResponse
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection
from typing_extensions import TypeVar

from tokenward.asgi import Anonymous, Credentials, running
from tokenward.authenticator import Authenticator
from tokenward.claims import with_claims
from tokenward.errors import AuthError, InvalidToken, MissingToken
from tokenward.gate import Needs, needs
from tokenward.identity import Identity
from tokenward.starlette import on_auth_error

SCHEME = "Bearer"
_ATTRIBUTE = "_tokenward"  # an attribute of the application: reading it takes a tenth of the time of ``app.state``
_M = TypeVar("_M", default=Mapping[str, Any])
_PARAMETER: Any = _M  # a type variable as a value

_ANSWERS = {
    "401": "No access token, or one that was refused",
    "403": "The access token does not allow this",
    "429": "Too many refused tokens from this client IP",
    "503": "The issuer's keys cannot be reached right now",
}
_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "code", "detail"],
}


class _Dependency(SecurityBase, Generic[_M]):
    """The dependency that FastAPI calls. ``Caller[Member]`` makes one that reads the claims into ``Member``."""

    __parameters__: tuple[Any, ...] = (
        _PARAMETER,
    )  # typing looks for it: Annotated[this, …][Member] asks this for [Member]

    def __init__(self, *, optional: bool = False, model: Any = None, gate: Needs | None = None) -> None:
        self.model = HTTPBearerModel(bearerFormat="JWT", description="An access token of the issuer")
        self.scheme_name = SCHEME
        self._optional = optional
        self._claims = model
        self._gate = gate or Needs()
        if model is not None:
            self.__parameters__ = ()

    def __getitem__(self, model: Any) -> "_Dependency[Any]":
        model = model[0] if isinstance(model, tuple) else model
        return _Dependency(optional=self._optional, model=None if model is _PARAMETER else model, gate=self._gate)

    async def __call__(self, connection: HTTPConnection, security_scopes: SecurityScopes) -> Identity[Any] | None:
        """The caller of the request. Raises AuthError."""
        scope = connection.scope
        auth: Authenticator | None = getattr(scope["app"], _ATTRIBUTE, None)
        if auth is None:
            raise RuntimeError("this application was not given to tokenward.fastapi.protect(app, auth)")
        verified = scope.get("auth")
        if type(verified) is Credentials and verified.verified_by is auth:
            identity = verified.identity  # verified by another dependency of this request
        else:
            client = scope.get("client")
            try:
                identity = await auth.authenticate(scope["headers"], client[0] if client else None, scope)
            except MissingToken:
                if self._optional:
                    scope.setdefault("user", None)
                    scope.setdefault("auth", Anonymous())
                    return None
                raise
            scope["user"] = identity
            scope["auth"] = Credentials(identity, auth)
        if security_scopes.scopes:
            needs(scopes=security_scopes.scopes).check(identity, auth.metadata_url)
        if not self._gate.nothing:
            self._gate.check(identity, auth.metadata_url)
        if self._claims is None:
            return identity
        try:
            return with_claims(identity, self._claims)
        except InvalidToken as refusal:
            auth.challenge(refusal)
            raise


caller = _Dependency[Any]()
"""The dependency behind ``Caller``: for ``Security(caller, scopes=[…])``."""

optional_caller = _Dependency[Any](optional=True)

if TYPE_CHECKING:
    Caller = Annotated[Identity[_M], "the verified caller"]
    OptionalCaller = Annotated[Identity[_M] | None, "the verified caller, or None without a token"]
else:
    # Without a callable of its own, Depends takes the annotated object: the dependency, with or without a model.
    Caller = Annotated[caller, Depends()]
    OptionalCaller = Annotated[optional_caller, Depends()]


def requires(*, scopes: Collection[str] = (), roles: Collection[str] = (), permissions: Collection[str] = ()) -> Any:
    """A dependency that requires all of ``scopes``, one of ``roles`` and all of ``permissions``.

    For ``dependencies=[requires(roles=["admin"])]`` of a route or router, or ``Annotated[Identity, requires(…)]``.
    """
    gate = needs(scopes=scopes, roles=roles, permissions=permissions)
    return Security(_Dependency(gate=Needs((), gate.roles, gate.permissions)), scopes=list(gate.scopes))


def protect(app: FastAPI, auth: Authenticator) -> None:
    """Make ``auth`` authenticate the callers of this application.

    Keys are refreshed during the application's lifespan. Refusals are answered as problems (RFC 9457). OpenAPI gets the
    security scheme and its error answers. Protected resource metadata is served if ``auth`` has a ``resource``. A route
    is public unless it has a ``Caller``. A mounted application needs a call of its own.
    """
    app.state.tokenward = auth
    setattr(app, _ATTRIBUTE, auth)
    app.add_exception_handler(AuthError, on_auth_error)  # type: ignore[arg-type]  # it answers with an ASGI application, which Starlette accepts
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(application: Any) -> AsyncIterator[Any]:
        async with running(auth), inner(application) as state:
            yield state

    app.router.lifespan_context = lifespan
    if auth.metadata_path is not None:

        async def metadata(_: Request) -> JSONResponse:
            return JSONResponse(auth.metadata(), headers={"Access-Control-Allow-Origin": "*"})

        app.add_route(auth.metadata_path, metadata, include_in_schema=False)
    app.openapi = _documented(app.openapi)  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _documented(generate: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """OpenAPI with the error answers of each operation that needs a caller."""

    def openapi() -> dict[str, Any]:
        document = generate()
        for item in document.get("paths", {}).values():
            for operation in item.values():
                if isinstance(operation, dict) and any(SCHEME in each for each in operation.get("security", ())):
                    for status, description in _ANSWERS.items():
                        content = {"application/problem+json": {"schema": _PROBLEM}}
                        answer = {"description": description, "content": content}
                        operation.setdefault("responses", {}).setdefault(status, answer)
        return document

    return openapi


__all__ = ["Caller", "Identity", "OptionalCaller", "caller", "optional_caller", "protect", "requires"]
