"""The identity of a caller whose token was verified."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NoReturn

from typing_extensions import TypeVar

Claims = TypeVar("Claims", default=Mapping[str, Any])


class Payload(dict[str, Any]):
    """A verified payload: a dict that cannot be changed, because requests with the same token share it.

    It can be pickled, copied and written as JSON, which a ``MappingProxyType`` cannot.
    """

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the payload of a verified token is read-only")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return type(self), (dict(self),)  # by default the members would be set one by one


@dataclass(frozen=True, slots=True, eq=False)
class Identity(Generic[Claims]):
    """A caller whose token was verified. It is the ``request.user`` of an application behind this package.

    It has the attributes of Starlette's ``BaseUser``. It can be pickled, and ``dataclasses.asdict`` reads it.

    ``subject`` is the ``sub`` claim, ``valid_from`` and ``valid_until`` are seconds since the epoch with the leeway
    already counted in, ``claims`` is the verified payload as sent, or a model of your own read from it.
    """

    subject: str
    issuer: str
    valid_from: float
    valid_until: float
    claims: Claims
    payload: Mapping[str, Any]

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        name = self.payload.get("name")
        return name if isinstance(name, str) and name else self.subject

    @property
    def identity(self) -> str:
        return self.subject

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes of the token: ``scope`` (RFC 8693 §4.2, RFC 9068 §2.2.3) or ``scp`` (Okta, Entra)."""
        value = self.payload.get("scope")
        return _words(self.payload.get("scp") if value is None else value)

    @property
    def roles(self) -> frozenset[str]:
        """``role`` (Better Auth), ``roles`` (RFC 9068 §2.2.3.1) or ``realm_access.roles`` (Keycloak)."""
        realm = self.payload.get("realm_access")
        nested = realm.get("roles") if isinstance(realm, Mapping) else None
        return _words(self.payload.get("role"), ",") | _words(self.payload.get("roles"), ",") | _words(nested)

    @property
    def permissions(self) -> frozenset[str]:
        """``permissions``, an array of strings or a string of words (Auth0)."""
        return _words(self.payload.get("permissions"))


def _words(value: object, separator: str | None = None) -> frozenset[str]:
    """The strings of a claim: an array of strings, or the words of a string. Other types give none."""
    if isinstance(value, str):
        return frozenset(word.strip() for word in value.split(separator) if word.strip())
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        return frozenset(word for word in value if isinstance(word, str))
    return frozenset()
