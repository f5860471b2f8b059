"""The identity of a caller: it is read-only, and can be handed on to other processes and encoders."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.encoders import jsonable_encoder

from tokenward import Identity, Tokenward, with_claims
from tokenward.testing import Issuer
from world import bearer


@dataclasses.dataclass
class Member:
    email: str


@pytest.fixture
async def ada() -> Identity:
    issuer, auth = Issuer("https://app.example"), Tokenward.better_auth("https://app.example")
    with issuer.behind(auth):
        token = issuer.token("ada", scope="notes:read", realm_access={"roles": ["admin"]})
        return await auth.authenticate(bearer(token), None)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
async def test_an_identity_can_be_handed_to_another_process(protocol: int, ada: Identity) -> None:
    for identity in (ada, with_claims(ada, Member)):
        there = pickle.loads(pickle.dumps(identity, protocol))  # noqa: S301 - of our own
        assert isinstance(there, Identity)
        assert dataclasses.astuple(there) == dataclasses.astuple(identity)
        assert (there.subject, there.scopes, there.roles) == ("ada", {"notes:read"}, {"admin"})
        with pytest.raises(TypeError, match="read-only"):
            there.payload["sub"] = "eve"


async def test_an_identity_can_be_copied_and_encoded(ada: Identity) -> None:
    for one in (copy.copy(ada), copy.deepcopy(ada)):
        assert dict(one.payload) == dict(ada.payload)
    assert copy.deepcopy(ada).payload["realm_access"] is not ada.payload["realm_access"]
    assert dataclasses.asdict(ada)["payload"] == ada.payload
    assert json.loads(json.dumps(ada.payload)) == ada.payload
    assert jsonable_encoder(ada)["payload"]["sub"] == "ada"


CHANGES: dict[str, Callable[[Any], Any]] = {
    "set": lambda payload: payload.__setitem__("sub", "eve"),
    "delete": lambda payload: payload.__delitem__("sub"),
    "|=": lambda payload: payload.__ior__({"sub": "eve"}),
    "update": lambda payload: payload.update(sub="eve"),
    "setdefault": lambda payload: payload.setdefault("role", "admin"),
    "pop": lambda payload: payload.pop("sub"),
    "popitem": lambda payload: payload.popitem(),
    "clear": lambda payload: payload.clear(),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_the_payload_of_an_identity_cannot_be_changed(change: str, ada: Identity) -> None:
    before = dict(ada.payload)
    with pytest.raises(TypeError):
        CHANGES[change](ada.payload)
    with pytest.raises(AttributeError):
        ada.payload.role = "admin"  # type: ignore[attr-defined]  # what is tried
    assert ada.payload == before
    assert {**ada.payload, "role": "admin"}["sub"] == "ada", "a changed copy can be made"
