"""Gates: the scopes, roles and permissions that a verified caller needs (RFC 6750 §3.1)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from tokenward.errors import InsufficientScope, NotPermitted
from tokenward.identity import Identity
from tokenward.trusted import several


@dataclass(frozen=True, slots=True)
class Needs:
    """All of ``scopes``, one of ``roles``, all of ``permissions``."""

    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()

    def check(self, identity: Identity[Any], metadata_url: str | None = None) -> None:
        """Raises InsufficientScope, which names every needed scope, or NotPermitted. Both are 403."""
        refusal: InsufficientScope | NotPermitted
        if self.scopes and not identity.scopes.issuperset(self.scopes):
            refusal = InsufficientScope(self.scopes)
        elif (self.roles and identity.roles.isdisjoint(self.roles)) or (
            self.permissions and not identity.permissions.issuperset(self.permissions)
        ):
            refusal = NotPermitted()
        else:
            return
        refusal.resource_metadata = metadata_url
        refusal.bearer = "cnf" not in identity.payload  # a bound token came with a proof
        raise refusal

    @property
    def nothing(self) -> bool:
        return not (self.scopes or self.roles or self.permissions)


def needs(*, scopes: Collection[str] = (), roles: Collection[str] = (), permissions: Collection[str] = ()) -> Needs:
    """A gate: all of ``scopes``, one of ``roles``, all of ``permissions``. A string is a list of one."""
    return Needs(several(scopes), several(roles), several(permissions))
