"""`explain` tells a person why a token is refused: the check, the two values that differ, and what to change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenward import JwksSource, SecretSource, TokenVerifier
from tokenward.explain import Finding, explain
from tokenward.testing.issuer import Answer, Issuer
from tokenward.testing.keys import ABSENT, SigningKey, b64, compact, spare_key
from world import World, world

NOW = 1_800_000_000


class Desk:
    """Somebody with a token, and the settings to hold it against."""

    def __init__(self, http: httpx.AsyncClient, issuer: Issuer, **verifier: Any) -> None:
        self.issuer = issuer
        self.source = JwksSource(issuer.jwks_url, http)
        allowed = frozenset({"EdDSA", "Ed25519", "RS256"})
        chosen = {"issuers": frozenset({issuer.url}), "audiences": frozenset({issuer.audience}), "algorithms": allowed}
        self.verifier = TokenVerifier(**{**chosen, **verifier})

    async def findings(self, token: str) -> list[Finding]:
        found = await explain(token, self.verifier, self.source, NOW)
        told = repr(found)
        for part in token.split("."):
            assert len(part) < 20 or part not in told, "nothing of the token is told"
        return found

    async def refused(self, token: str) -> Finding:
        """The one check that did not pass."""
        (failed,) = [finding for finding in await self.findings(token) if not finding.passed]
        return failed


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    issuer = Issuer("http://localhost:3000", clock=lambda: NOW)
    async with httpx.AsyncClient(transport=issuer.transport()) as http:
        yield Desk(http, issuer)


async def test_a_good_token_passes_every_check_and_each_says_what_it_saw(desk: Desk) -> None:
    findings = await desk.findings(desk.issuer.token("alice"))
    assert [finding.check for finding in findings] == [
        "shape",
        "header",
        "issuer",
        "audience",
        "subject",
        "times",
        "expiry",
        "signature",
    ]
    assert all(finding.passed is True for finding in findings)
    seen = {finding.check: finding.seen for finding in findings}
    assert desk.issuer.url in seen["issuer"]
    assert "'alice'" in seen["subject"]
    assert seen["expiry"] == "expires in 900 seconds"
    assert desk.issuer.signer.kid in seen["signature"]


async def test_explain_reports_every_failed_check_at_once(desk: Desk) -> None:
    findings = await desk.findings(desk.issuer.token("", iss="x", aud="y", exp=NOW - 60, iat=NOW - 120))
    failed = {finding.check for finding in findings if finding.passed is False}
    assert failed == {"issuer", "audience", "subject", "expiry"}


@pytest.mark.parametrize(("token_has", "setting"), [("/api/auth", ""), ("", "/api/auth")])
async def test_an_issuer_with_or_without_api_auth_is_recognised(desk: Desk, token_has: str, setting: str) -> None:
    base = "https://app.example"
    desk.verifier = TokenVerifier(frozenset({base + setting}), desk.verifier.audiences, desk.verifier.algorithms)
    failed = await desk.refused(desk.issuer.token(iss=base + token_has))
    assert failed.check == "issuer"
    assert f"iss is '{base}{token_has}', issuer is '{base}{setting}'" in failed.seen
    assert "differ by /api/auth" in failed.advice
    assert f"set issuer to '{base}{token_has}'" in failed.advice
    assert f"jwt.issuer in Better Auth to '{base}{setting}'" in failed.advice


async def test_a_slash_at_the_end_of_the_issuer_is_recognised(desk: Desk) -> None:
    failed = await desk.refused(desk.issuer.token(iss=desk.issuer.url + "/"))
    assert "'http://localhost:3000/', issuer is 'http://localhost:3000'" in failed.seen
    assert "by a slash at the end only" in failed.advice


@pytest.mark.parametrize("issuer", ["http://localhost:3001", ABSENT, 7, ["http://localhost:3000"]])
async def test_another_issuer_is_named_with_both_ways_to_change_it(desk: Desk, issuer: Any) -> None:
    failed = await desk.refused(desk.issuer.token(iss=issuer))
    assert failed.check == "issuer"
    assert "set issuer to" in failed.advice
    assert "jwt.issuer in Better Auth to 'http://localhost:3000'" in failed.advice


@pytest.mark.parametrize("audience", ["other", ABSENT, ["a", "b"], []])
async def test_another_audience_is_named_with_both_places_it_is_set(desk: Desk, audience: Any) -> None:
    failed = await desk.refused(desk.issuer.token(aud=audience))
    assert failed.check == "audience"
    assert "audience is 'http://localhost:3000'" in failed.seen
    assert "jwt.audience in Better Auth and audience" in failed.advice


async def test_an_algorithm_that_is_not_allowed_names_the_setting_and_better_auths_option(desk: Desk) -> None:
    desk.issuer.rotate(key=spare_key("ES256"))
    failed = await desk.refused(desk.issuer.token())
    assert failed.check == "header"
    assert "add 'ES256' to algorithms (now Ed25519, EdDSA, RS256)" in failed.advice
    assert "jwks.keyPairConfig.alg" in failed.advice


async def test_explain_distinguishes_a_wrong_algorithm_from_a_wrong_signature(desk: Desk) -> None:
    key = desk.issuer.rotate(key=spare_key("RS256"))
    desk.verifier = TokenVerifier(desk.verifier.issuers, desk.verifier.audiences, frozenset({"RS256", "RS512"}))
    failed = await desk.refused(compact({"alg": "RS512", "kid": key.kid}, desk.issuer.claims(), key.sign))
    assert failed.seen.startswith("its alg is not the one of its key")
    assert "a key for RS256" in failed.seen


async def test_explain_names_a_signature_by_another_servers_key_of_the_same_kid(desk: Desk) -> None:
    stranger = SigningKey.new("EdDSA", desk.issuer.signer.kid)
    failed = await desk.refused(desk.issuer.token(key=stranger))
    assert failed.check == "signature"
    assert "its signature is wrong" in failed.seen
    assert "another server signed it under the same kid" in failed.advice


async def test_explain_lists_the_usable_and_unusable_kids_for_an_unknown_kid(desk: Desk) -> None:
    offered, gone = desk.issuer.signer, SigningKey.new()
    private = {**spare_key("EdDSA", 1).jwk(), "d": "AAAA"}
    hostile = {**spare_key("EdDSA", 1).jwk(), "kid": "\x1b[2J"}
    nameless = {name: value for name, value in spare_key("EdDSA", 2).jwk().items() if name != "kid"}
    desk.issuer.always = Answer(body={"keys": [offered.jwk(), private, nameless, hostile]})
    failed = await desk.refused(desk.issuer.token(key=gone))
    assert failed.check == "key"
    assert f"kid '{gone.kid}' is unknown" in failed.seen
    assert f"'{offered.kid}' (Ed25519/EdDSA)" in failed.seen
    assert f"left out '{private['kid']}': a private key in a public document" in failed.seen
    assert "left out '?[2J': no usable kid" in failed.seen
    assert "(number 2, without kid)" in failed.seen
    assert failed.seen.isprintable()
    assert "check that jwks_url is the server that issued it" in failed.advice


async def test_a_token_without_kid_says_what_is_missing(desk: Desk) -> None:
    failed = {f.check: f for f in await desk.findings(desk.issuer.token(header={"kid": ABSENT})) if not f.passed}
    assert set(failed) == {"header", "key"}
    assert "tokens need a kid" in failed["header"].advice


async def test_a_wrong_clock_is_reported_with_the_difference(desk: Desk) -> None:
    failed = await desk.refused(desk.issuer.token(iat=NOW + 90, exp=NOW + 990))
    assert failed.check == "times"
    assert "90 seconds ahead of this one and leeway is 30" in failed.advice
    assert "NTP" in failed.advice


async def test_a_token_that_is_not_valid_yet_counts_from_nbf(desk: Desk) -> None:
    assert "600 seconds ahead" in (await desk.refused(desk.issuer.token(nbf=NOW + 600))).advice


async def test_a_token_made_to_last_too_long_names_the_setting(desk: Desk) -> None:
    assert "max_lifetime" in (await desk.refused(desk.issuer.token(exp=NOW + 604_801))).advice


async def test_an_expired_token_says_since_when_and_how_to_get_another(desk: Desk) -> None:
    failed = await desk.refused(desk.issuer.expired_token(ago=3600))
    assert failed.check == "expiry"
    assert "expired 3600 seconds ago, at 2027-01-15 07:00:00 UTC" in failed.seen
    assert "authClient.token()" in failed.advice


async def test_an_expiry_in_1970_is_explained_by_better_auths_bare_number(desk: Desk) -> None:
    failed = {f.check: f for f in await desk.findings(desk.issuer.token(exp=900)) if not f.passed}
    assert "bare number" in failed["expiry"].advice
    assert "1970-01-01 00:15:00 UTC" in failed["expiry"].seen


@pytest.mark.parametrize("before", ["Bearer ", "bearer  ", "Authorization: Bearer ", "  authorization:bearer\t"])
async def test_the_word_bearer_pasted_along_is_left_out_and_mentioned(desk: Desk, before: str) -> None:
    findings = await desk.findings(before + desk.issuer.token() + "\n")
    assert all(finding.passed for finding in findings)
    assert "Bearer" in findings[0].seen


async def test_a_session_token_is_recognised(desk: Desk) -> None:
    for session in ("h4MBNjWnQT0dE6mX8xg5vBfzLzZ2rPqk", "h4MBNjWnQT0dE6mX8xg5vBfzLzZ2rPqk.c2lnbmF0dXJl%3D"):
        failed = await desk.refused(session)
        assert failed.check == "shape"
        assert "session token; exchange it for a JWT at /api/auth/token" in failed.advice


async def test_an_encrypted_token_is_recognised(desk: Desk) -> None:
    header = b64(b'{"alg":"dir","enc":"A256GCM"}')
    failed = await desk.refused(f"{header}..aXYtaXYtaXYt.Y2lwaGVydGV4dA.dGFndGFndGFndGFnZ2c")
    assert "encrypted token (JWE)" in failed.advice
    assert "authClient.token()" in failed.advice


@pytest.mark.parametrize("nothing", ["", " \n", "Bearer "])
async def test_explain_without_a_token_says_how_to_give_one(desk: Desk, nothing: str) -> None:
    failed = await desk.refused(nothing)
    if nothing.strip():
        assert "session token" in failed.advice
    else:
        assert "read it from standard input" in failed.advice


async def test_explain_advises_to_copy_the_whole_token_for_line_ends_and_quotes(desk: Desk) -> None:
    token = desk.issuer.token()
    for pasted in (f'"{token}"', token[:50] + "\n" + token[50:]):
        assert "copy the whole token" in (await desk.refused(pasted)).advice


async def test_a_key_server_that_is_down_is_not_the_tokens_fault(desk: Desk) -> None:
    desk.issuer.always = Answer(error=httpx.ConnectError("nobody home"))
    (unjudged,) = [finding for finding in await desk.findings(desk.issuer.token()) if not finding.passed]
    assert (unjudged.check, unjudged.passed) == ("key", None)
    assert unjudged.seen == f"{desk.issuer.jwks_url}: ConnectError"
    assert "check that Better Auth runs and that jwks_url is right" in unjudged.advice


async def test_a_shared_secret_needs_no_key_look_up(desk: Desk) -> None:
    secret = "a shared secret of at least 32 bytes"
    import hashlib
    import hmac

    token = compact(
        {"alg": "HS256"},
        desk.issuer.claims(),
        lambda signed: hmac.digest(secret.encode(), signed, hashlib.sha256),
    )
    verifier = TokenVerifier(desk.verifier.issuers, desk.verifier.audiences, frozenset({"HS256"}), kid_required=False)
    assert all(f.passed for f in await explain(token, verifier, SecretSource(secret), NOW))
    others = await explain(token, verifier, SecretSource(secret[::-1]), NOW)
    assert [(f.check, f.passed) for f in others if not f.passed] == [("signature", False)]


HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**400), 10**400),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


# Making an issuer and a signature takes a while on a busy machine; that says nothing about the strategies.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64"]), HOSTILE, max_size=4),
    claims=st.dictionaries(st.sampled_from(["iss", "aud", "sub", "iat", "exp", "nbf", "cnf"]), HOSTILE, max_size=6),
)
def test_explain_never_crashes_on_a_signed_token(header: Any, claims: Any) -> None:

    async def told() -> list[Finding]:
        world = World(algorithms=frozenset({"EdDSA"}))
        async with world.http:
            token = world.issuer.sign_raw({**world.issuer.header(), **header}, {**world.issuer.claims(), **claims})
            return await explain(token, world.verifier, world.source, world.clock.wall())

    findings = asyncio.run(told())
    assert findings
    for finding in findings:
        assert f"{finding.seen}{finding.advice}".isprintable(), "harmless on a terminal"


async def test_explain_advises_define_payload_for_a_token_over_8_kib() -> None:
    async with world() as w:
        token = w.issuer.token("alice", image="data:image/png;base64," + "A" * 9000)
        (finding,) = await explain(token, w.verifier, w.source, w.clock.wall())
        assert "jwt.definePayload" in finding.advice
