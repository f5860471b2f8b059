"""Bound tokens and their proofs (RFC 9449): what is accepted, once, and what is answered otherwise."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from typing import Any

import pytest

from bound import HOLDER, HOLDERS, NOW, OTHER, URL, guarded, request
from tokenward import InvalidProof, InvalidToken, MalformedRequest, MissingToken, ProofsUnavailable, Reason
from tokenward.authenticator import Authenticator
from tokenward.dpop import Dpop, MemoryReplays, Nonces, guard
from tokenward.dpop.replays import Full
from tokenward.keyset import ALGORITHMS
from tokenward.testing import ABSENT, FakeClock, Holder
from world import gathered, world

# What holds


@pytest.mark.parametrize("alg", HOLDERS)
async def test_a_token_with_a_proof_of_its_key_is_accepted_for_every_algorithm(alg: str) -> None:
    async with guarded() as g:
        token = g.token(HOLDERS[alg])
        for _ in range(3):  # the token and the key of the proof are known from the second time on
            assert await g.ask(HOLDERS[alg].headers(token, "GET", URL)) == "ada"
        assert g.world.events.counts["cached"] == 2


async def test_bearer_tokens_are_accepted_beside_bound_ones_unless_proofs_are_required() -> None:
    async with guarded() as g:
        assert await g.ask(g.world.issuer.headers("ada")) == "ada"
    async with guarded(required=True) as g:
        refusal = await g.refusal(g.world.issuer.headers("ada"))
        assert isinstance(refusal, InvalidToken)
        assert refusal.reason is Reason.CONFIRMATION
        assert refusal.headers["WWW-Authenticate"].startswith('DPoP error="invalid_token"')
        assert await g.ask(HOLDER.headers(g.token(), "GET", URL)) == "ada"


async def test_without_dpop_bound_tokens_are_refused_as_ever() -> None:
    async with world() as w:
        token = w.issuer.token("ada", cnf=HOLDER.cnf)
        assert await w.outcome(token) == "confirmation"
        with pytest.raises(MissingToken):
            await w.authenticator.authenticate([(b"authorization", b"DPoP " + token.encode())], None)


async def test_a_verifier_that_lets_bound_tokens_through_does_not_do_so_without_proofs() -> None:
    async with world() as w:
        loose = dataclasses.replace(w.verifier, bound=True)
        authenticator = Authenticator(w.source, loose, clock=w.clock)
        token = w.issuer.token("ada", cnf=HOLDER.cnf)
        with pytest.raises(InvalidToken):
            await authenticator.authenticate([(b"authorization", b"Bearer " + token.encode())], None)


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP", "dPoP"])
async def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    async with guarded() as g:
        token = g.token()
        proof = HOLDER.proof(token, "GET", URL)
        assert await g.ask([("authorization", f"{scheme} {token}"), ("dpop", f" {proof}\t")]) == "ada"


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"typ": "DPoP+JWT"}, {}),
        ({"typ": "application/dpop+jwt"}, {}),
        ({"kid": "ignored", "x5c": ["ignored"], "jku": "https://ignored.example"}, {}),
        ({"jwk": {**HOLDER.jwk, "alg": "ES256", "use": "sig", "kid": "k", "key_ops": ["verify"]}}, {}),
        ({}, {"iat": 1_800_000_060}),
        ({}, {"iat": 1_799_999_940}),
        ({}, {"iat": 1_800_000_000.5}),
        ({}, {"nonce": "nobody asked for it"}),
        ({}, {"jti": "x" * 256}),
        ({}, {"exp": 1_800_000_005, "nbf": 1_799_999_999, "unknown": {"members": ["are", "ignored"]}}),
        ({}, {"htu": "HTTPS://API.example:443/notes?query=1#fragment"}),
    ],
)
async def test_a_proof_may_have_these_members(header: dict[str, Any], claims: dict[str, Any]) -> None:
    async with guarded() as g:
        token = g.token()
        assert await g.ask(HOLDER.headers(token, "GET", URL, header=header, **claims)) == "ada"


# Credentials


async def test_a_bound_token_is_no_bearer_token_with_or_without_a_proof() -> None:
    async with guarded() as g:
        token = g.token()
        for more in ([], [("dpop", HOLDER.proof(token, "GET", URL))]):
            refusal = await g.refusal([("authorization", f"Bearer {token}"), *more])
            assert isinstance(refusal, InvalidToken)
            assert refusal.reason is Reason.CONFIRMATION
            assert refusal.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
            assert ', DPoP algs="ES256 ' in refusal.headers["WWW-Authenticate"]


async def test_a_proof_with_a_token_that_is_bound_to_no_key_is_refused() -> None:
    async with guarded() as g:
        token = g.world.issuer.token("ada")
        for scheme in ("Bearer", "DPoP"):
            refusal = await g.refusal(
                [("authorization", f"{scheme} {token}"), ("dpop", HOLDER.proof(token, "GET", URL))]
            )
            assert isinstance(refusal, InvalidToken)
            assert refusal.reason is Reason.CONFIRMATION
            assert f'{scheme} error="invalid_token"' in refusal.headers["WWW-Authenticate"]
        assert isinstance(await g.refusal([("authorization", f"DPoP {token}")]), InvalidToken)


async def test_there_is_exactly_one_dpop_header() -> None:
    async with guarded() as g:
        token = g.token()
        proofs = [HOLDER.proof(token, "GET", URL) for _ in range(2)]
        for headers in (
            [],
            [("dpop", proofs[0])] * 2,
            [("dpop", proof) for proof in proofs],
            [("dpop", proofs[0]), ("dpop", "")],
        ):
            refusal = await g.refusal([("authorization", f"DPoP {token}"), *headers])
            assert isinstance(refusal, InvalidProof)
            assert refusal.reason is Reason.PROOF_MISSING
            assert refusal.status == 401
        assert await g.ask([("authorization", f"DPoP {token}"), ("dpop", proofs[0])]) == "ada", "it was not used up"


async def test_two_authorization_headers_are_400_and_none_is_401_with_what_is_accepted() -> None:
    async with guarded() as g:
        token = g.token()
        both = [("authorization", f"DPoP {token}"), ("authorization", f"Bearer {token}")]
        assert isinstance(await g.refusal([*both, ("dpop", HOLDER.proof(token, "GET", URL))]), MalformedRequest)
        refusal = await g.refusal([("dpop", HOLDER.proof(token, "GET", URL))])
        assert isinstance(refusal, MissingToken)
        assert refusal.headers["WWW-Authenticate"] == f'Bearer, DPoP algs="{" ".join(g.dpop.algorithms)}"'
    async with guarded(required=True, algorithms=["ES256"]) as g:
        assert (await g.refusal([])).headers["WWW-Authenticate"] == 'DPoP algs="ES256"'


@pytest.mark.parametrize(
    "cnf",
    [None, {}, [], "x", {"jkt": None}, {"jkt": ""}, {"jkt": 1}, {"jkt": "x" * 43 + "="}, {"jkt": "ä" * 43},
     {"jkt": HOLDER.thumbprint[:-1]}, {"jkt": HOLDER.thumbprint, "x5t#S256": "x"}, {"x5t#S256": HOLDER.thumbprint},
     {"jwk": HOLDER.jwk}, {"jkt": HOLDER.thumbprint, "jwk": HOLDER.jwk}, [HOLDER.thumbprint],
     {"JKT": HOLDER.thumbprint}],
)  # fmt: skip
async def test_a_token_that_is_bound_to_anything_else_is_refused_however_it_comes(cnf: Any) -> None:
    async with guarded() as g:
        token = g.token(cnf=cnf)
        for scheme, proofs in itertools.product(("Bearer", "DPoP"), ([], [("dpop", HOLDER.proof(token, "GET", URL))])):
            refusal = await g.refusal([("authorization", f"{scheme} {token}"), *proofs])
            assert isinstance(refusal, InvalidToken)
            assert refusal.reason is Reason.CONFIRMATION


async def test_a_copied_token_is_worthless_without_its_key() -> None:
    """The thief has the token, proofs that were used, and a key of their own."""
    async with guarded() as g:
        token, thief = g.token(), Holder("ES256", clock=g.world.clock.wall)
        seen = HOLDER.proof(token, "GET", URL)
        assert await g.ask([("authorization", f"DPoP {token}"), ("dpop", seen)]) == "ada"
        reasons = []
        for proof in (
            thief.proof(token, "GET", URL),
            thief.proof(token, "GET", URL, header={"jwk": HOLDER.jwk}),
            seen,
            HOLDER.proof(token, "GET", URL, sign=thief.key.sign),
        ):
            refusal = await g.refusal([("authorization", f"DPoP {token}"), ("dpop", proof)])
            assert isinstance(refusal, InvalidProof)
            reasons.append(refusal.reason)
        assert reasons == [Reason.PROOF_KEY, Reason.PROOF, Reason.PROOF_REPLAYED, Reason.PROOF]
        mine = g.token(thief)  # a token of the thief's own does not help with a proof of somebody else's
        assert isinstance(await g.refusal([("authorization", f"DPoP {mine}"), ("dpop", seen)]), InvalidProof)


# Once


async def test_a_proof_is_accepted_once_and_remembered_until_it_would_be_too_old() -> None:
    async with guarded() as g:
        token = g.token()
        headers = HOLDER.headers(token, "GET", URL, iat=NOW + 60)  # from a clock that is ahead: valid for 120 s
        assert await g.ask(headers) == "ada"
        for moved in (0, 59, 60.9):
            await g.world.clock.advance(moved)
            refusal = await g.refusal(headers)
            assert isinstance(refusal, InvalidProof)
            assert refusal.reason is Reason.PROOF_REPLAYED
        await g.world.clock.advance(1)
        refusal = await g.refusal(headers)
        assert isinstance(refusal, InvalidProof)
        assert refusal.reason is Reason.PROOF_STALE


async def test_a_clock_that_is_set_back_by_a_minute_brings_no_used_proof_back() -> None:
    async with guarded() as g:
        headers = HOLDER.headers(g.token(), "GET", URL)
        assert await g.ask(headers) == "ada"
        await g.world.clock.advance(61)
        g.world.clock.jump(-59)
        refusal = await g.refusal(headers)
        assert isinstance(refusal, InvalidProof)
        assert refusal.reason is Reason.PROOF_REPLAYED


async def test_the_same_jti_of_another_key_is_another_proof() -> None:
    async with guarded() as g:
        for holder in (HOLDER, HOLDERS["EdDSA"]):
            assert await g.ask(holder.headers(g.token(holder), "GET", URL, jti="1")) == "ada"
        assert isinstance(
            await g.refusal(HOLDER.headers(g.token(), "POST", URL, jti="1"), request("POST")), InvalidProof
        )


async def test_of_fifty_requests_with_one_proof_exactly_one_passes() -> None:
    async with guarded() as g:
        headers = HOLDER.headers(g.token(), "GET", URL)
        outcomes = await gathered(*(g.ask(headers) for _ in range(50)))
        assert outcomes.count("ada") == 1
        assert sum(isinstance(o, InvalidProof) and o.reason is Reason.PROOF_REPLAYED for o in outcomes) == 49


async def test_a_full_store_refuses_with_503_and_forgets_nothing_early() -> None:
    async with guarded() as g:
        g.dpop.replays = MemoryReplays(2, clock=g.world.clock)
        token = g.token()
        first = HOLDER.headers(token, "GET", URL)
        assert await g.ask(first) == "ada"
        assert await g.ask(HOLDER.headers(token, "GET", URL)) == "ada"
        refusal = await g.refusal(HOLDER.headers(token, "GET", URL))
        assert isinstance(refusal, ProofsUnavailable)
        assert refusal.headers == {"Retry-After": "1"}
        assert (await g.refusal(first)).status == 401
        await g.world.clock.advance(121)
        assert await g.ask(HOLDER.headers(g.token(), "GET", URL)) == "ada", "places are free again"


async def test_memory_is_given_back() -> None:
    clock = FakeClock()
    store = MemoryReplays(100, clock=clock)
    for number in range(1000):
        assert store.claim(number.to_bytes(16, "big"), 60)
        clock.move(1)
    assert len(store) <= 61
    store = MemoryReplays(2, clock=clock)
    assert store.claim(b"one", 60)
    assert store.claim(b"two", 60)
    with pytest.raises(Full):
        store.claim(b"three", 60)


async def test_a_store_that_is_down_or_silent_is_503_and_nothing_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "PATIENCE", 0.05)

    class Down:
        async def first_use(self, key: bytes, seconds: float) -> bool:
            raise ConnectionError("redis://:hunter2@store")

        async def close(self) -> None: ...

        def forked(self) -> None: ...

    class Silent(Down):
        async def first_use(self, key: bytes, seconds: float) -> bool:
            await asyncio.sleep(60)
            return True

    for store in (Down(), Silent()):
        async with guarded(replays=store, limit="1/minute") as g:
            for _ in range(3):
                refusal = await g.refusal(HOLDER.headers(g.token(), "GET", URL))
                assert isinstance(refusal, ProofsUnavailable)
                assert refusal.status == 503
                assert "hunter2" not in str(refusal)
            assert isinstance(await g.refusal(HOLDER.headers(g.token(), "POST", URL)), InvalidProof), (
                "what is wrong is 401"
            )
            assert await g.ask(g.world.issuer.headers("ada")) == "ada", "bearer tokens need no store"


# Nonces


async def test_a_proof_without_the_required_nonce_is_refused_with_the_nonce() -> None:
    async with guarded(nonces=Nonces(seconds=300)) as g:
        token = g.token()
        for nonce in (ABSENT, "", "made up", "ä", None, 7):
            refusal = await g.refusal(HOLDER.headers(token, "GET", URL, nonce=nonce))
            assert isinstance(refusal, InvalidProof)
            assert refusal.reason is Reason.PROOF_NONCE
            assert 'DPoP error="use_dpop_nonce"' in refusal.headers["WWW-Authenticate"]
        nonce = refusal.headers["DPoP-Nonce"]
        headers = HOLDER.headers(token, "GET", URL, nonce=nonce)
        assert await g.ask(headers) == "ada"
        assert isinstance(await g.refusal(headers), InvalidProof)
        await g.world.clock.advance(301)
        assert await g.ask(HOLDER.headers(g.token(), "GET", URL, nonce=nonce)) == "ada", "the one before is still good"
        await g.world.clock.advance(301)
        refusal = await g.refusal(HOLDER.headers(g.token(), "GET", URL, nonce=nonce))
        assert refusal.headers["DPoP-Nonce"] != nonce


def test_processes_with_one_secret_know_each_others_nonces() -> None:
    secret = b"s" * 32
    assert Nonces(secret).holds(Nonces(secret).issue(NOW), NOW)
    assert not Nonces().holds(Nonces().issue(NOW), NOW)
    assert Nonces(secret).holds(Nonces(secret).issue(NOW + 299), NOW), "a clock that is ahead"
    with pytest.raises(ValueError, match="32 bytes"):
        Nonces(b"short")


# Throttle


async def test_only_trials_count_for_the_throttle() -> None:
    async with guarded(limit="1/minute", required=True, nonces=Nonces()) as g:
        token = g.token()
        for _ in range(3):  # an old page, a clock that is wrong, a nonce that has to be fetched
            assert (await g.refusal(g.world.issuer.headers("ada"))).status == 401
            assert (await g.refusal(HOLDER.headers(token, "GET", URL, iat=NOW - 3600))).status == 401
            assert (await g.refusal(HOLDER.headers(token, "GET", URL))).status == 401
        assert (await g.refusal(OTHER.headers(token, "GET", URL))).status == 401
        assert (await g.refusal(OTHER.headers(token, "GET", URL))).status == 429


def test_unusable_parameters_are_reported_at_construction() -> None:
    for options in (
        {"algorithms": ["HS256"]}, {"algorithms": []}, {"window": 0}, {"window": 3600}, {"public_url": "api.example"},
        {"origin": "ftp://x"},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"must be|not an"):
            Dpop(**options)
    assert set(Dpop().algorithms) == ALGORITHMS
    assert Dpop(algorithms=["EdDSA"]).algorithms == ["Ed25519", "EdDSA"]
