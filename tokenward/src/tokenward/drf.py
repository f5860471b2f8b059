"""Django REST framework: an authentication class and permissions.

settings.py::

    TOKENWARD = Tokenward.better_auth("https://app.example")
    REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["tokenward.drf.BearerAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    }

``request.user`` is the return value of ``TOKENWARD_USER`` for the identity; ``request.auth`` is the Identity.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tokenward.django import authenticator, identify, user_of
from tokenward.errors import AuthError, MissingToken
from tokenward.gate import Needs, needs
from tokenward.identity import Identity

if TYPE_CHECKING:
    from rest_framework.views import APIView  # imports this module, by way of its settings


class Refused(APIException):
    """An AuthError as an exception that REST framework's handler answers."""

    def __init__(self, refusal: AuthError) -> None:
        super().__init__(refusal.phrase, refusal.code)
        self.status_code = refusal.status
        self.auth_header = refusal.headers.get("WWW-Authenticate")
        if "Retry-After" in refusal.headers:
            self.wait = int(refusal.headers["Retry-After"])


class BearerAuthentication(BaseAuthentication):
    """The caller by bearer token, or None without a token: then permissions decide."""

    def authenticate(self, request: Request) -> tuple[Any, Identity] | None:
        try:
            identity = identify(request._request)
        except MissingToken:
            return None
        except AuthError as refusal:
            raise Refused(refusal) from None
        return user_of(identity), identity

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401. Without a challenge REST framework answers 403."""
        refusal = MissingToken()
        authenticator().challenge(refusal)
        return refusal.headers["WWW-Authenticate"]


def caller(request: Request) -> Identity:
    """``request.auth`` with its type. Raises Refused (401) when the request has no verified caller."""
    if isinstance(request.auth, Identity):
        return request.auth
    refusal = MissingToken()
    authenticator().challenge(refusal)
    raise Refused(refusal)


class _Gate(BasePermission):
    gate = Needs()

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.auth, Identity):
            return False
        try:
            self.gate.check(request.auth, authenticator().metadata_url)
        except AuthError as refusal:
            raise Refused(refusal) from None
        return True


def requires(
    *, scopes: Collection[str] = (), roles: Collection[str] = (), permissions: Collection[str] = ()
) -> type[BasePermission]:
    """A permission class: all of ``scopes``, one of ``roles``, all of ``permissions``."""
    return type("Requires", (_Gate,), {"gate": needs(scopes=scopes, roles=roles, permissions=permissions)})
