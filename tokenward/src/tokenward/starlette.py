"""The authenticator as a Starlette authentication backend: ``request.user`` is an Identity."""

from starlette.authentication import AuthCredentials, AuthenticationBackend
from starlette.requests import HTTPConnection

from tokenward.authenticator import Authenticator
from tokenward.identity import Identity

_CREDENTIALS = AuthCredentials(["authenticated"])


class BearerBackend(AuthenticationBackend):
    """Every request is somebody's, or it is refused.

    Mount it with AuthenticationMiddleware on the routes it guards rather than on the whole application: an AuthError
    raised there reaches the application's exception handlers (``tokenward.asgi.on_auth_error`` is one).
    """

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, Identity]:
        client = conn.scope.get("client")
        identity = await self._authenticator.authenticate(conn.scope["headers"], client[0] if client else None)
        return _CREDENTIALS, identity
