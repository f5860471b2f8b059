"""What Django's settings say about callers: ``settings.TOKENWARD``, and system checks of what goes with it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.utils.module_loading import import_string

from tokenward.authenticator import Authenticator
from tokenward.front import Tokenward
from tokenward.trusted import Misconfigured

MIDDLEWARE = "tokenward.django.BearerMiddleware"


def authenticator() -> Authenticator:
    """The Tokenward in ``settings.TOKENWARD``, or one made from that mapping, or else from the environment."""
    value = getattr(settings, "TOKENWARD", None)
    if isinstance(value, Authenticator):
        return value
    if value is not None and not isinstance(value, Mapping):
        raise TypeError("TOKENWARD must be a Tokenward or a mapping of its parameters")
    parameters = dict(value or {})
    for known, built in _BUILT:
        if known == parameters:
            return built
    built = _build(parameters)
    _BUILT.append((parameters, built))
    return built


#: One authenticator for each mapping. They are compared, because a list in a mapping cannot be hashed.
_BUILT: list[tuple[dict[str, Any], Authenticator]] = []


def _build(parameters: Mapping[str, Any]) -> Authenticator:
    options = dict(parameters)
    base_url = options.pop("better_auth", None)
    if base_url is None:
        return Tokenward(**options) if options else Tokenward.from_env()
    return Tokenward.better_auth(base_url, **options)


@register("security")
def check_settings(app_configs: Any = None, **options: Any) -> Sequence[CheckMessage]:
    """System checks: parameters that cannot be used, and the order of the middleware."""
    found: list[CheckMessage] = []
    try:
        authenticator()
    except (TypeError, ValueError) as error:
        problems = error.problems if isinstance(error, Misconfigured) else [str(error)]
        if getattr(settings, "TOKENWARD", None) is None:
            problems = [f"TOKENWARD is not set, and neither is the environment: {'; '.join(problems)}"]
        found += [Error(problem, obj="settings.TOKENWARD", id="tokenward.E001") for problem in problems]
    order: list[str] = list(settings.MIDDLEWARE)
    session = "django.contrib.auth.middleware.AuthenticationMiddleware"
    if MIDDLEWARE not in order and "rest_framework" not in settings.INSTALLED_APPS:
        found.append(Warning(f"MIDDLEWARE does not hold {MIDDLEWARE}", id="tokenward.W001"))
    elif MIDDLEWARE in order and session in order and order.index(session) > order.index(MIDDLEWARE):
        text = f"{session} replaces the user of a token"
        found.append(Error(text, hint=f"put {MIDDLEWARE} after it", id="tokenward.E002"))
    if isinstance(hook := getattr(settings, "TOKENWARD_USER", None), str):
        try:
            import_string(hook)
        except ImportError as error:
            found.append(Error(str(error), obj="settings.TOKENWARD_USER", id="tokenward.E003"))
    prefixes = getattr(settings, "TOKENWARD_PRIVATE", ())
    if isinstance(prefixes, str) or not all(isinstance(each, str) and each.startswith("/") for each in prefixes):
        text = "TOKENWARD_PRIVATE must be a list of paths that begin with a slash"
        found.append(Error(text, obj="settings.TOKENWARD_PRIVATE", id="tokenward.E004"))
    return found
