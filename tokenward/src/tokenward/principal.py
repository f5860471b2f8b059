"""What a verified caller is in Django: the types of a request, and ``request.user`` without a row or with one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.http import HttpRequest

from tokenward.identity import Identity


class Request(HttpRequest):
    """For annotations: the request of a private view."""

    identity: Identity


class OpenRequest(HttpRequest):
    """For annotations: the request of a view that needs no token."""

    identity: Identity | None


class Principal:
    """A caller without a row in the database: the default value of ``request.user``."""

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = is_superuser = False

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.pk = self.id = self.username = identity.subject

    def __str__(self) -> str:
        return str(self.username)

    def get_username(self) -> str:
        return str(self.username)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return perm in self.identity.permissions

    def has_perms(self, perm_list: Collection[str], obj: Any = None) -> bool:
        return self.identity.permissions.issuperset(perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        return False


def get_or_create_user(identity: Identity) -> Any:
    """For ``TOKENWARD_USER``: the user whose username is the token's subject, created at the first request."""
    from django.contrib.auth import get_user_model

    model: Any = get_user_model()
    user, created = model._default_manager.get_or_create(**{model.USERNAME_FIELD: identity.subject})
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user
