"""Each issuer of ``docs/issuers.md``: its block is run, and takes a token of the shape which that issuer makes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tokenward import InvalidToken, Tokenward
from tokenward.testing import ABSENT, Issuer
from world import bearer

PAGE = (Path(__file__).parent.parent / "docs" / "issuers.md").read_text()
BLOCKS = dict(re.findall(r"## ([^\n]+)\n\n```python\n(.*?)```", PAGE, flags=re.DOTALL))

#: Algorithm, what else the tokens say, and the scopes, roles and permissions that are read from it.
SHAPES: dict[str, tuple[str, dict[str, Any], set[str], set[str], set[str]]] = {
    "Better Auth": ("EdDSA", {"role": "admin,user"}, set(), {"admin", "user"}, set()),
    "Auth0": ("RS256", {"scope": "openid a:b", "permissions": ["a:b"], "azp": "x"}, {"openid", "a:b"}, set(), {"a:b"}),
    "Keycloak": ("RS256", {"realm_access": {"roles": ["admin"]}, "typ": "Bearer", "sid": "s"}, set(), {"admin"}, set()),
    "Supabase": ("ES256", {"role": "authenticated", "session_id": "s"}, set(), {"authenticated"}, set()),
    "Clerk": ("RS256", {"azp": "https://app.example", "sid": "sess_1"}, set(), set(), set()),
    "Microsoft Entra ID": ("RS256", {"scp": "Notes.Read", "roles": ["Admin"]}, {"Notes.Read"}, {"Admin"}, set()),
    "Firebase": ("RS256", {"firebase": {"sign_in_provider": "password"}, "user_id": "ada"}, set(), set(), set()),
}


def test_every_block_is_run() -> None:
    assert set(BLOCKS) == set(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
async def test_a_token_as_this_issuer_makes_it_is_accepted(name: str) -> None:
    made: dict[str, Any] = {}
    exec(BLOCKS[name], made)  # noqa: S102 - the block of our own page
    auth: Tokenward = made["auth"]
    alg, claims, scopes, roles, permissions = SHAPES[name]
    trusted = auth.trusted[0]
    issuer = Issuer(str(trusted.issuer), audience=str(trusted.audience), alg=alg)
    with issuer.behind(auth):
        identity = await auth.authenticate(bearer(issuer.token("ada", expires_in=3600, **claims)), None)
        assert (identity.subject, identity.issuer) == ("ada", trusted.issuer)
        assert (identity.scopes, identity.roles, identity.permissions) == (scopes, roles, permissions)
        for change in ({"aud": ABSENT}, {"iss": "https://elsewhere.example"}):
            with pytest.raises(InvalidToken):
                await auth.authenticate(bearer(issuer.token("eve", **claims, **change)), None)
