"""What `taskward check` and `taskward explain` say of bound tokens."""

from __future__ import annotations

import pytest

from tests.support.shell import Shell
from tokenward.testing import Holder


async def test_check_says_what_proofs_are_judged_by_and_where_they_are_remembered(shell: Shell) -> None:
    off = await shell.check()
    assert not any("dpop" in line for line in off.lines)
    bare = await shell.check(DPOP="accept")
    assert bare.code == 0
    lines = [line for line in bare.lines if "dpop" in line]
    assert [line[0] for line in lines] == ["✓", "·", "·"]
    assert "bearer tokens as well" in lines[0]
    assert "PUBLIC_URL" in lines[1]
    assert "RATE_LIMIT_STORAGE_URL" in lines[2]
    down = {"RATE_LIMIT_STORAGE_URL": "redis://127.0.0.1:9/0", "PUBLIC_URL": "https://api.example.com"}
    shared = await shell.check(DPOP="require", **down)
    assert shared.code == 1
    assert any("proof for https://api.example.com, no other tokens" in line for line in shared.lines)
    assert any("store of counts" in line and "no bound token is accepted" in line for line in shared.lines)
    kept = await shell.check(DPOP="require", DPOP_REPLAYS="database", **down)
    assert any(line == "✓ dpop: used proofs are remembered in the database" for line in kept.lines)
    assert any("store of counts" in line and "no bound token" not in line for line in kept.lines)


@pytest.mark.parametrize(("mode", "bound", "code", "said"), [
    ("off", True, 1, "✗ binding: cnf is"),
    ("accept", True, 0, "each request needs a DPoP proof by that key"),
    ("require", True, 0, "each request needs a DPoP proof by that key"),
    ("accept", False, 0, ""),
    ("require", False, 1, "✗ binding: it is bound to no key, and DPOP is require"),
])  # fmt: skip
async def test_explain_says_whether_a_binding_is_wanted(
    shell: Shell, mode: str, bound: bool, code: int, said: str
) -> None:
    token = shell.issuer.token("ada", **({"cnf": Holder().cnf} if bound else {}))
    done = await shell.run("explain", "-", stdin=token.encode(), DPOP=mode)
    assert (done.code, said in done.out) == (code, True), done.out
    assert ("binding" in done.out) == (bound or code == 1)
    if mode == "off":
        assert "set DPOP to accept or require" in done.out
