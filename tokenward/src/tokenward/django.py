"""Django: middleware for WSGI and ASGI, a decorator, a user hook and system checks.

settings.py::

    INSTALLED_APPS = [..., "tokenward.django"]
    MIDDLEWARE = [..., "tokenward.django.BearerMiddleware"]
    TOKENWARD = Tokenward.better_auth("https://app.example")

``request.identity`` is the caller, or None without a token. The middleware answers refused tokens. ``request.user`` is
the return value of ``TOKENWARD_USER`` for the identity, by default a Principal, which has no row in the database.
"""

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar, overload

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string

from tokenward.asgi import problem
from tokenward.blocking import blocking, wsgi_headers
from tokenward.django_settings import authenticator, check_settings
from tokenward.errors import AuthError, MissingToken
from tokenward.gate import Needs, needs
from tokenward.identity import Identity
from tokenward.principal import OpenRequest, Principal, Request, get_or_create_user

View = TypeVar("View", bound=Callable[..., Any])


def identify(request: HttpRequest) -> Identity:
    """The caller of this request. Blocks while a key is fetched. Raises AuthError."""
    return blocking(authenticator()).authenticate(*_credentials(request))


async def aidentify(request: HttpRequest) -> Identity:
    """The caller of this request, for asynchronous code. Raises AuthError."""
    return await blocking(authenticator()).authenticate_async(*_credentials(request))


def _credentials(request: HttpRequest) -> tuple[list[tuple[bytes, bytes]], str | None, Mapping[str, Any]]:
    meta = request.META
    return wsgi_headers(meta), meta.get("REMOTE_ADDR") or None, getattr(request, "scope", meta)  # a scope under ASGI


def user_of(identity: Identity) -> Any:
    """The user of this caller, by ``settings.TOKENWARD_USER`` (a function or its dotted name)."""
    hook = getattr(settings, "TOKENWARD_USER", None) or Principal
    return (import_string(hook) if isinstance(hook, str) else hook)(identity)


class BearerMiddleware:
    """Sets ``request.identity`` and ``request.user``. Put it after Django's AuthenticationMiddleware.

    Paths below ``settings.TOKENWARD_PRIVATE`` (a list of prefixes) and views with the ``private`` decorator need a
    token. Other requests without a token keep their user.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._private = tuple(getattr(settings, "TOKENWARD_PRIVATE", ()))
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self):
            return self._async(request)
        try:
            self._accept(request, identify(request))
        except MissingToken as refusal:
            if self._is_private(request):
                return answer(refusal)
            request.identity = None  # type: ignore[attr-defined]  # Django requests carry what middleware puts there
        except AuthError as refusal:
            return answer(refusal)
        return self._get_response(request)

    async def _async(self, request: HttpRequest) -> Any:
        try:
            self._accept(request, await aidentify(request))
        except MissingToken as refusal:
            if self._is_private(request):
                return answer(refusal)
            request.identity = None  # type: ignore[attr-defined]  # as above
        except AuthError as refusal:
            return answer(refusal)
        return await self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer to an AuthError that a view raises, for example in a gate."""
        return answer(exception) if isinstance(exception, AuthError) else None

    def _is_private(self, request: HttpRequest) -> bool:
        return request.path_info.startswith(self._private) if self._private else False

    def _accept(self, request: HttpRequest, identity: Identity) -> None:
        request.identity = identity  # type: ignore[attr-defined]  # as above
        request.user = SimpleLazyObject(lambda: user_of(identity))  # type: ignore[assignment]  # as Django's own middleware does

        async def auser() -> Any:
            return await sync_to_async(user_of)(identity)

        request.auser = auser


@overload
def private(view: View, /) -> View: ...


@overload
def private(
    *, scopes: Collection[str] = (), roles: Collection[str] = (), permissions: Collection[str] = ()
) -> Callable[[View], View]: ...


def private(
    view: Callable[..., Any] | None = None,
    /,
    *,
    scopes: Collection[str] = (),
    roles: Collection[str] = (),
    permissions: Collection[str] = (),
) -> Any:
    """A view for verified callers only, with all of ``scopes``, one of ``roles`` and all of ``permissions``.

    Cookies are not credentials here, so no CSRF token is needed.
    """
    if view is None:
        return functools.partial(private, scopes=scopes, roles=roles, permissions=permissions)
    gate = needs(scopes=scopes, roles=roles, permissions=permissions)
    if iscoroutinefunction(view):

        @functools.wraps(view)
        async def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = _refusal(request, gate)
            return refusal or await view(request, *args, **kwargs)

    else:

        @functools.wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = _refusal(request, gate)
            return refusal or view(request, *args, **kwargs)

    checked.csrf_exempt = True  # type: ignore[attr-defined]  # how Django's own decorator marks a view
    return checked


def _refusal(request: HttpRequest, gate: Needs) -> HttpResponse | None:
    try:
        identity = getattr(request, "identity", None)
        if identity is None:
            raise MissingToken
        gate.check(identity)
    except AuthError as refusal:
        authenticator().challenge(refusal)
        return answer(refusal)
    return None


def answer(refusal: AuthError) -> HttpResponse:
    """A refusal as a problem (RFC 9457)."""
    headers = {"Cache-Control": "no-store", **refusal.headers}
    return HttpResponse(
        problem(refusal), status=refusal.status, headers=headers, content_type="application/problem+json"
    )


def metadata(request: HttpRequest) -> HttpResponse:
    """A view of the protected resource metadata (RFC 9728), for ``.well-known/oauth-protected-resource``."""
    return JsonResponse(authenticator().metadata(), headers={"Access-Control-Allow-Origin": "*"})


__all__ = [
    "BearerMiddleware",
    "OpenRequest",
    "Principal",
    "Request",
    "aidentify",
    "answer",
    "authenticator",
    "check_settings",
    "get_or_create_user",
    "identify",
    "metadata",
    "private",
    "user_of",
]
