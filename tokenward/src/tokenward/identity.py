"""Whom a verified token speaks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """A caller whose token was verified; what ``request.user`` is behind this package.

    It has the attributes of Starlette's ``BaseUser``, so Starlette takes it as one.

    ``subject`` is the ``sub`` claim, ``valid_from`` and ``valid_until`` are seconds since the epoch with the leeway
    already counted in, ``claims`` is the verified payload as sent.
    """

    subject: str
    issuer: str
    valid_from: float
    valid_until: float
    claims: Mapping[str, Any]

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        name = self.claims.get("name")
        return name if isinstance(name, str) and name else self.subject

    @property
    def identity(self) -> str:
        return self.subject
