"""Reading of claims into a model of the application."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from tokenward.errors import InvalidToken, Reason
from tokenward.identity import Identity

M = TypeVar("M")


def with_claims(identity: Identity[Any], model: type[M]) -> Identity[M]:
    """The same caller with ``claims`` as ``model``: a pydantic model, a dataclass, or a class called with the payload.

    A dataclass takes the claims that are named like its fields. Raises InvalidToken (``claims``) when the verified
    payload does not fit; the detail names the model and the kind of error, never a value.
    """
    try:
        claims = _read(identity.payload, model)
    except Exception as error:  # every model has its own errors
        detail = f"its claims do not fit {model.__name__}: {_fields(error) or type(error).__name__}"
        raise InvalidToken(Reason.CLAIMS, detail) from None
    return Identity(
        identity.subject, identity.issuer, identity.valid_from, identity.valid_until, claims, identity.payload
    )


def _read(payload: Mapping[str, Any], model: Any) -> Any:
    validate = getattr(model, "model_validate", None)
    if validate is not None:
        return validate(dict(payload))
    if dataclasses.is_dataclass(model) and isinstance(model, type):
        names = [field.name for field in dataclasses.fields(model) if field.init]
        return model(**{name: payload[name] for name in names if name in payload})
    return model(dict(payload))


def _fields(error: Exception) -> str:
    """The fields that pydantic names."""
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return ""
    try:
        return ", ".join(sorted({".".join(map(str, each["loc"])) for each in errors()}))[:200]
    except (TypeError, KeyError):
        return ""
