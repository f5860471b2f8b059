"""Flask: an extension with a decorator, and the caller as ``g.identity``.

::

    bearer = Bearer(Tokenward.better_auth("https://app.example"), app)

    @app.get("/notes")
    @bearer.required
    def notes(): return {"owner": g.identity.subject}
"""

import functools
from collections.abc import Callable, Collection
from typing import Any, TypeVar, overload

from flask import Flask, Response, current_app, g, jsonify, request

from tokenward.asgi import problem
from tokenward.authenticator import Authenticator
from tokenward.blocking import blocking, wsgi_headers
from tokenward.errors import AuthError, MissingToken
from tokenward.gate import Needs, needs
from tokenward.identity import Identity

View = TypeVar("View", bound=Callable[..., Any])


class Bearer:
    """The extension, one for each Tokenward. ``init_app`` may be called for several applications."""

    def __init__(self, auth: Authenticator, app: Flask | None = None) -> None:
        self._auth = auth
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Answer refusals as problems (RFC 9457), and serve protected resource metadata if there is a ``resource``."""
        app.extensions["tokenward"] = self
        app.register_error_handler(AuthError, _answer)
        if self._auth.metadata_path is not None:
            document = self._auth.metadata()
            app.add_url_rule(self._auth.metadata_path, "tokenward_metadata", lambda: jsonify(document))

    def authenticate(self) -> Identity:
        """The caller of the current request. Raises AuthError."""
        environ = request.environ
        return blocking(self._auth).authenticate(wsgi_headers(environ), request.remote_addr, environ)

    @overload
    def required(self, view: View, /) -> View: ...

    @overload
    def required(
        self, *, scopes: Collection[str] = (), roles: Collection[str] = (), permissions: Collection[str] = ()
    ) -> Callable[[View], View]: ...

    def required(
        self,
        view: Any = None,
        *,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        permissions: Collection[str] = (),
    ) -> Any:
        """Only for verified callers with all of ``scopes``, one of ``roles`` and all of ``permissions``.

        Put it below ``@app.route``. ``g.identity`` is the caller.
        """
        gate = needs(scopes=scopes, roles=roles, permissions=permissions)
        if view is None:
            return lambda view: self._wrapped(view, gate, optional=False)
        return self._wrapped(view, gate, optional=False)

    def optional(self, view: View) -> View:
        """``g.identity`` is None without a token. A refused token is still answered 401."""
        return self._wrapped(view, Needs(), optional=True)

    def _wrapped(self, view: View, gate: Needs, *, optional: bool) -> View:
        @functools.wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            try:
                g.identity = self.authenticate()
                gate.check(g.identity, self._auth.metadata_url)
            except MissingToken:
                if not optional:
                    raise
                g.identity = None
            return current_app.ensure_sync(view)(*args, **kwargs)

        return checked  # type: ignore[return-value]  # it is called as the view is


def _answer(refusal: AuthError) -> Response:
    headers = {"Cache-Control": "no-store", **refusal.headers}
    return Response(problem(refusal), refusal.status, headers, content_type="application/problem+json")
