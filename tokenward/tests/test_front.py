"""Tokenward: parameters, environment, several issuers, the command, the test kit, threads and forks."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tokenward import (
    AuthError,
    AuthEvents,
    InvalidToken,
    Misconfigured,
    MissingToken,
    Tokenward,
    Trusted,
    with_claims,
)
from tokenward.blocking import Blocking, blocking, wsgi_headers
from tokenward.cli import main as command
from tokenward.revocation import MemoryRevocations
from tokenward.testing import ABSENT, FakeClock, Feed, Issuer
from world import bearer, subject

APP = "https://app.example"


# Parameters


@pytest.mark.parametrize(
    ("url", "origin", "keys"),
    [
        (APP, APP, f"{APP}/api/auth/jwks"),
        (f"{APP}/", APP, f"{APP}/api/auth/jwks"),
        (f"{APP}/api/auth", APP, f"{APP}/api/auth/jwks"),
        (f"{APP}/login", APP, f"{APP}/login/jwks"),
        ("http://localhost:3000", "http://localhost:3000", "http://localhost:3000/api/auth/jwks"),
        ("HTTPS://App.Example", APP, f"{APP}/api/auth/jwks"),
        # as `new URL(url).origin` in Node 22
        ("https://app.example:443", APP, f"{APP}/api/auth/jwks"),
        ("https://app.example:0443/api/auth/", APP, f"{APP}/api/auth/jwks"),
        ("http://localhost:443", "http://localhost:443", "http://localhost:443/api/auth/jwks"),
        ("http://LOCALHOST:80", "http://localhost", "http://localhost/api/auth/jwks"),
        ("https://app.example:8443/", f"{APP}:8443", f"{APP}:8443/api/auth/jwks"),
        ("https://user:word@app.example", APP, f"{APP}/api/auth/jwks"),
        ("https://app.example?x=1#y", APP, f"{APP}/api/auth/jwks"),
        ("https://BÜCHER.example", "https://xn--bcher-kva.example", "https://xn--bcher-kva.example/api/auth/jwks"),
        ("http://[0:0::1]:3000", "http://[::1]:3000", "http://[::1]:3000/api/auth/jwks"),
        ("https://app.example./", "https://app.example.", "https://app.example./api/auth/jwks"),
    ],
)
def test_better_auth_needs_one_line(url: str, origin: str, keys: str) -> None:
    auth = Tokenward.better_auth(url)
    (trusted,) = auth.trusted
    assert (trusted.issuer, trusted.audience, trusted.jwks_url) == (origin, origin, keys)
    assert Tokenward.better_auth(url, audience="notes").trusted[0].audience == "notes"


def test_misconfigured_lists_every_problem_by_parameter() -> None:
    with pytest.raises(Misconfigured) as refusal:
        Tokenward(
            jwks_url="http://keys.example/jwks", leeway=999, algorithms=["HS256"], auth_failures="five", resource="x"
        )
    named = [problem.split(":")[0] for problem in refusal.value.problems]
    assert named == ["issuer", "audience", "jwks_url", "algorithms", "leeway", "auth_failures", "resource"]
    for bad in ({}, {"jwks_url": f"{APP}/k", "discover": True}, {"secret": "short"}):
        with pytest.raises(Misconfigured, match=r"jwks_url|secret"):
            Tokenward(issuer=APP, audience=APP, **bad)  # type: ignore[arg-type]  # what is tried
    for url in ("app.example", "", "https://", "https:app.example", f"{APP}:99999", "ftp://app.example", None):
        with pytest.raises(Misconfigured, match="base_url"):
            Tokenward.better_auth(url)  # type: ignore[arg-type]  # None, as os.environ.get may return it


GOOD: dict[str, Any] = {"issuer": APP, "audience": APP, "jwks_url": f"{APP}/k"}
REFUSED: dict[str, dict[str, Any]] = {
    "issuer": {"": "", "blank": " ", "none": None, "a blank one": [APP, ""], "no text": 5, "bytes": [b"x"]},
    "audience": {"": "", "blank": " ", "none": None, "a blank one": [APP, ""], "no text": 5, "nothing": []},
    "algorithms": {"none": None, "": "", "a blank one": ["EdDSA", ""], "no text": 5, "lists": [["EdDSA"]]},
    "jwks_url": {"": "", "no text": 5, "a port that is none": f"{APP}:99999/k"},
    "resource": {"": "", "no text": 5, "no host": "https://", "another scheme": "httpx://app.example"},
    "auth_failures": {"": "", "none": None, "a number": 5},
    "storage_url": {
        "no scheme": "word-of-redis",
        "no such store": "nosuch://u:word-of-redis@h",
        "a port": "redis://h:x",
    },
    "dpop": {"": "", "true": True, "unknown": "yes"},
    "revocations": {"": "", "no URL": "database"},
    "leeway": {"text": "30", "none": None, "nan": float("nan")},
}


@pytest.mark.parametrize(("name", "what"), [(name, what) for name, values in REFUSED.items() for what in values])
def test_what_cannot_be_meant_is_misconfigured_with_the_name_of_the_parameter(name: str, what: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        Tokenward(**{**GOOD, name: REFUSED[name][what]})
    assert [problem.split(":")[0] for problem in refusal.value.problems] == [name]
    assert "word-of-redis" not in str(refusal.value)


def test_every_problem_is_told_at_once_those_of_stores_and_of_several_issuers_among_them() -> None:
    one = Trusted(**GOOD)
    with pytest.raises(Misconfigured) as refusal:
        Tokenward(one, Trusted(**{**GOOD, "audience": "b"}), storage_url="nosuch://h", dpop="x", auth_failures="five")  # type: ignore[arg-type]  # what is tried
    named = [problem.split(":")[0] for problem in refusal.value.problems]
    assert named == ["issuer", "auth_failures", "storage_url", "dpop"]
    with pytest.raises(Misconfigured, match="twice"):
        Tokenward(one, **GOOD)
    with pytest.raises(Misconfigured, match="twice"):
        Tokenward(one, Trusted(**{**GOOD, "issuer": ["https://b.example", APP]}))
    with pytest.raises(Misconfigured, match="audience"):
        Tokenward(one, issuer="https://b.example", jwks_url=f"{APP}/k")
    with pytest.raises(Misconfigured, match="issuer"):
        Tokenward(one, issuer="")
    assert len(Tokenward(one, **{**GOOD, "issuer": ["https://b.example", "https://b.example"]}).trusted) == 2


def test_a_store_without_its_extra_is_misconfigured_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenward.redis", None)  # as if the extra were not installed
    with pytest.raises(Misconfigured, match=r"storage_url: .*tokenward\[redis\]"):
        Tokenward(**GOOD, storage_url="redis://127.0.0.1:1")


def test_no_error_text_contains_the_secret() -> None:
    with pytest.raises(Misconfigured) as refusal:
        Tokenward(secret="hunter2")
    assert "hunter2" not in str(refusal.value)


def test_the_environment_is_read_by_the_names_of_the_service() -> None:
    environ = {"JWKS_URL": f"{APP}/k", "JWT_ISSUER": f"{APP}, https://b.example", "JWT_AUDIENCE": "notes"}
    trusted = Tokenward.from_env({**environ, "JWT_LEEWAY": "5", "JWKS_ALLOW_HTTP": "true", "JWT_SECRET": ""}).trusted[0]
    assert trusted.issuer == (APP, "https://b.example")
    assert (trusted.leeway, trusted.allow_http) == (5, True)
    assert Tokenward.from_env({"BETTER_AUTH_URL": APP, "JWT_AUDIENCE": "notes"}).trusted[0].audience == ("notes",)
    assert Tokenward.from_env({"BETTER_AUTH_URL": APP}, leeway=1).trusted[0].leeway == 1
    with pytest.raises(Misconfigured) as refusal:
        Tokenward.from_env({"JWKS_URL": f"{APP}/k", "JWT_LEEWAY": "soon"})
    assert [line.split(":")[0] for line in refusal.value.problems] == ["JWT_LEEWAY", "JWT_ISSUER", "JWT_AUDIENCE"]
    with pytest.raises(Misconfigured, match="BETTER_AUTH_URL"):
        Tokenward.from_env({})


def test_options_win_over_the_environment() -> None:
    keys, other = f"{APP}/k", f"{APP}/other"
    only = Tokenward.from_env({"JWKS_URL": keys}, issuer="x", audience="y").trusted[0]
    assert (only.issuer, only.audience, only.jwks_url) == ("x", "y", keys)
    environ = {"JWKS_URL": keys, "JWT_ISSUER": APP, "JWT_AUDIENCE": "notes", "JWT_LEEWAY": "soon"}
    with pytest.raises(Misconfigured, match="JWT_LEEWAY"):
        Tokenward.from_env(environ)
    given = Tokenward.from_env(environ, leeway=0, jwks_url=other, audience=["a", "b"]).trusted[0]
    assert (given.leeway, given.jwks_url, given.issuer, given.audience) == (0, other, (APP,), ["a", "b"])
    assert Tokenward.from_env({}, issuer="x", audience="y", jwks_url=keys).trusted[0].jwks_url == keys
    # Keys come from one place: another one in the environment does not count then.
    discovered = Tokenward.from_env(environ, discover=True, leeway=1).trusted[0]
    assert (discovered.discover, discovered.jwks_url) == (True, None)
    secret = Tokenward.from_env({"BETTER_AUTH_URL": APP, "JWKS_URL": keys}, secret="s" * 32).trusted[0]
    assert (secret.secret, secret.jwks_url, secret.issuer) == ("s" * 32, None, APP)
    with pytest.raises(Misconfigured, match="JWT_SECRET"):  # as two sources of keys in the environment are
        Tokenward.from_env({"BETTER_AUTH_URL": APP, "JWT_SECRET": "s" * 32})
    with pytest.raises(Misconfigured) as refusal:
        Tokenward.from_env({"JWKS_URL": keys}, audience="y")
    assert [line.split(":")[0] for line in refusal.value.problems] == ["JWT_ISSUER"]
    public = Tokenward.from_env({**environ, "PUBLIC_URL": f"{APP}/api", "DPOP": "accept"}, leeway=1, resource=APP)
    assert (public.resource, public.dpop is not None and public.dpop.public_url) == (APP, f"{APP}/api")


def test_every_problem_of_the_environment_is_told_at_once_by_the_name_of_its_variable() -> None:
    def problems(environ: dict[str, str], **options: Any) -> list[str]:
        with pytest.raises(Misconfigured) as refusal:
            Tokenward.from_env(environ, **options)
        return [problem.split(":")[0] for problem in refusal.value.problems]

    wrong = {"JWT_LEEWAY": "soon", "JWKS_TTL": "0", "JWT_ALGORITHMS": "none", "AUTH_FAILURES": "five", "DPOP": "yes"}
    assert problems({**wrong, "JWKS_URL": "nonsense", "JWT_ISSUER": APP}) == [
        *("JWT_LEEWAY", "JWT_AUDIENCE", "JWKS_URL", "JWT_ALGORITHMS", "JWKS_TTL", "AUTH_FAILURES", "DPOP")
    ]
    assert problems({"JWKS_TTL": "0", "JWT_MAX_LIFETIME": "long"}) == [
        "JWT_MAX_LIFETIME",
        "BETTER_AUTH_URL",
        "JWKS_TTL",
    ]
    assert problems({"BETTER_AUTH_URL": "app.example"}) == ["BETTER_AUTH_URL"]
    assert problems({"BETTER_AUTH_URL": APP, "JWT_LEEWAY": "999"}, ttl=0) == ["JWT_LEEWAY", "ttl"]
    assert problems({"BETTER_AUTH_URL": APP, "RATE_LIMIT_STORAGE_URL": "nosuch://h"}) == ["RATE_LIMIT_STORAGE_URL"]


# Several issuers


async def test_each_of_several_issuers_has_its_own_keys_and_audience() -> None:
    one, two = Issuer("https://one.example", audience="a"), Issuer("https://two.example", audience="b")

    async def respond(request: httpx.Request) -> httpx.Response:
        return await (one if request.url.host == "one.example" else two).respond(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        trusted = [Trusted(issuer=each.url, audience=each.audience, jwks_url=each.jwks_url) for each in (one, two)]
        auth = Tokenward(*trusted, http=http)
        assert await subject(auth, one.token("ada")) == "ada"
        assert await subject(auth, two.token("bob")) == "bob"
        assert await subject(auth, two.token("bob")) == "bob", "from the cache"
        assert await subject(auth, one.token("eve", aud="b")) == "audience"
        assert await subject(auth, one.token("eve", iss=two.url, aud="b")) == "unknown_key"
        borrowed = one.token("eve", iss=two.url, aud="b", header={"kid": two.signer.kid})
        assert await subject(auth, borrowed) == "signature"
        assert await subject(auth, one.token("eve", iss="https://three.example")) == "issuer"


# Claims


async def test_claims_are_read_into_dataclasses_and_what_does_not_fit_is_refused() -> None:
    import dataclasses

    @dataclasses.dataclass
    class Member:
        email: str
        plan: str = "free"

    issuer = Issuer(APP)
    auth = Tokenward.better_auth(APP)
    with issuer.behind(auth):
        identity = await auth.authenticate(bearer(issuer.token("ada", scope="a b", role="admin, user")), None)
        assert with_claims(identity, Member).claims == Member("ada@example.com")
        assert (identity.scopes, identity.roles) == ({"a", "b"}, {"admin", "user"})
        without = await auth.authenticate(bearer(issuer.token("ada", email=ABSENT)), None)
        with pytest.raises(InvalidToken) as refusal:
            with_claims(without, Member)
        assert "ada" not in refusal.value.detail


# The test kit


def test_the_kit_stands_in_for_the_issuer_of_an_application(tokenward_issuer: Any) -> None:
    clock = FakeClock()
    auth = Tokenward.better_auth(APP, clock=clock)
    issuer = tokenward_issuer(auth)
    issuer.clock = clock.wall
    token = issuer.token("ada")
    assert asyncio.run(subject(auth, token)) == "ada"
    assert asyncio.run(subject(auth, issuer.token("ada", expires_in=-1))) == "expired"
    clock.move(16 * 60)
    assert asyncio.run(subject(auth, token)) == "expired"
    for alg in ("RS256", "EdDSA"):
        clock.move(2)
        issuer.rotate(alg)
        assert asyncio.run(subject(auth, issuer.token("bob"))) == "bob"


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519", "RS256", "RS384", "PS256", "PS512", "ES256", "ES384", "ES512"])
async def test_the_kit_signs_by_every_algorithm(alg: str) -> None:
    issuer = Issuer(APP, alg=alg)
    auth = Tokenward.better_auth(APP, algorithms=[alg])
    with issuer.behind(auth):
        assert await subject(auth, issuer.token("ada")) == "ada"


async def test_the_kit_revokes_a_session_a_person_and_a_token() -> None:
    issuer = Issuer(APP)

    class Elsewhere(MemoryRevocations):
        async def start(self) -> None:
            raise AssertionError("the application's own store is not asked in a test")

    auth = Tokenward.better_auth(APP, revocations=Elsewhere())
    own = auth.revocations
    with issuer.behind(auth):
        async with auth:
            one, two = issuer.token("ada", sid="s1"), issuer.token("ada", sid="s2")
            bob, eve = issuer.token("bob"), issuer.token("eve")
            assert [await subject(auth, each) for each in (one, two, bob, eve)] == ["ada", "ada", "bob", "eve"]
            issuer.revoke(sid="s1")
            issuer.revoke(sub="bob")
            assert [await subject(auth, each) for each in (one, two, bob, eve)] == ["revoked", "ada", "revoked", "eve"]
            issuer.revoke(two)
            issuer.revoke(eve)
            assert [await subject(auth, each) for each in (two, eve)] == ["revoked", "revoked"]
            with pytest.raises(TypeError):
                issuer.revoke()
    assert auth.revocations is own, "afterwards it is as it was"


async def test_a_revocation_is_nothing_to_an_application_that_asks_for_none() -> None:
    issuer = Issuer(APP)
    auth = Tokenward.better_auth(APP)
    with issuer.behind(auth):
        token = issuer.token("ada")
        issuer.revoke(token)
        assert await subject(auth, token) == "ada", "the kit does not show what production would not do"


# Threads and forks


def threads_of_loops() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "tokenward"}


def test_a_known_key_is_verified_in_the_calling_thread() -> None:
    where: list[str] = []

    class Where(AuthEvents):
        def accepted(self, *, cached: bool) -> None:
            where.append(threading.current_thread().name)

    issuer = Issuer(APP)
    auth = Tokenward.better_auth(APP, events=Where())
    others = threads_of_loops()
    with issuer.behind(auth):
        facade = blocking(auth)
        assert blocking(auth) is facade
        assert facade.authenticate(bearer(issuer.token("ada")), None).subject == "ada"
        where.clear()
        for number in range(3):
            assert facade.authenticate(bearer(issuer.token("bob", nonce=number)), None).subject == "bob"
            assert where == [threading.current_thread().name]
            where.clear()
        for token, kind in (("bad", InvalidToken), (issuer.token("ada", expires_in=-1), InvalidToken)):
            with pytest.raises(kind):
                facade.authenticate(bearer(token), "192.0.2.1")
        with pytest.raises(MissingToken):
            facade.authenticate([], None)
        facade.close()
        assert threads_of_loops() <= others, "its own thread has ended; those of other facades are not looked at"
        issuer.rotate()
        assert facade.authenticate(bearer(issuer.token("eve")), None).subject == "eve", "and it starts again"
        facade.close()


def test_many_threads_ask_at_once_and_the_keys_are_fetched_once() -> None:
    issuer = Issuer(APP)
    auth = Tokenward.better_auth(APP)
    with issuer.behind(auth):
        facade = Blocking(auth)
        found: list[str] = []
        tokens = [issuer.token(f"p{n}") for n in range(24)]
        threads = [
            threading.Thread(target=lambda t=token: found.append(facade.authenticate(bearer(t), None).subject))  # type: ignore[misc]  # bound to this round's token
            for token in tokens
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert sorted(found) == sorted(f"p{n}" for n in range(24))
        assert issuer.fetches == 1
        facade.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_verifies_and_fetches_with_a_thread_of_its_own() -> None:
    program = """
import os, sys
from tokenward import Tokenward
from tokenward.blocking import blocking
from tokenward.testing import Issuer
issuer = Issuer("https://app.example")
with issuer.running() as url:
    auth = Tokenward(issuer=issuer.url, audience=issuer.audience, jwks_url=url)
    ask = lambda token: blocking(auth).authenticate([(b"authorization", b"Bearer " + token.encode())], None).subject
    assert ask(issuer.token("before")) == "before"
    issuer.rotate()
    token = issuer.token("child")
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if ask(token) == "child" else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert ask(issuer.token("parent")) == "parent"
print("forked")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "forked"), done.stderr


@pytest.mark.parametrize(
    "value",
    [
        'Digest username="ada", realm="notes", nonce="bearer x"',
        "AWS4-HMAC-SHA256 Credential=AKIA/20261127/eu/s3, SignedHeaders=host;date, Signature=fe5f80",
        "Basic YWRh, YWRh",
        "Bearerish a, b",
        "Negotiate a,,b",
        ",",
    ],
)
def test_credentials_of_another_scheme_are_no_token_in_wsgi_as_in_asgi(value: str) -> None:
    auth = Tokenward.better_auth(APP)
    for headers in (wsgi_headers({"HTTP_AUTHORIZATION": value}), [(b"authorization", value.encode())]):
        with pytest.raises(MissingToken):
            asyncio.run(auth.authenticate(headers, None))


@pytest.mark.parametrize(
    "value",
    [
        "Bearer a,Bearer b",
        "Bearer a, Bearer b",
        "bearer a,BEARER b",
        "Bearer a,b",
        "Bearer a,",
        "Bearer a, Basic YWRh",
        "Basic YWRh,Bearer a",
        'Digest username="ada", realm="notes",\tdpop a',
        "DPoP a,DPoP b",
        " Bearer a , , Bearer b",
    ],
)
def test_a_token_joined_with_anything_is_two_authorization_headers(value: str) -> None:
    auth = Tokenward.better_auth(APP)
    with pytest.raises(AuthError) as refusal:
        asyncio.run(auth.authenticate(wsgi_headers({"HTTP_AUTHORIZATION": value}), None))
    assert refusal.value.status == 400


def test_a_wsgi_request_without_credentials_has_no_header_fields() -> None:
    assert wsgi_headers({}) == []


# The command


def test_the_command_explains_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    issuer = Issuer()
    with issuer.running() as url:
        options = ["--issuer", issuer.url, "--audience", issuer.audience, "--jwks-url", url]
        assert command(["explain", issuer.token("ada"), *options]) == 0
        assert "This token is accepted." in capsys.readouterr().out
        token = issuer.token("ada", iss=f"{issuer.url}/")
        assert command(["explain", f"Bearer {token}", *options]) == 1
        told = capsys.readouterr().out
        assert "differ by a slash" in told
        assert token not in told
        assert command(["check", *options]) == 0
        assert issuer.signer.kid in capsys.readouterr().out
    assert command(["check", *options]) == 1
    assert "✗ keys" in capsys.readouterr().out
    assert command(["check", "--jwks-url", "nonsense"]) == 2
    assert {"--issuer", "--audience", "--jwks-url"} <= {
        line.split(":")[0] for line in capsys.readouterr().err.splitlines()
    }


async def test_the_command_says_whether_a_token_was_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    issuer = Issuer()
    feed = Feed(issuer, secret="word-of-the-feed")
    feed.revoke("sid", "ended")
    feed.revoke("sub", "bob")
    async with issuer.serve() as jwks, feed.serve() as bare:
        url = bare.replace("//", f"//feed:{feed.secret}@")
        options = ["--issuer", issuer.url, "--audience", issuer.audience, "--jwks-url", jwks]

        async def run(*words: str, feed_url: str = url) -> tuple[int, str]:
            code = await asyncio.to_thread(command, [*words, *options, "--revocations", feed_url])
            told = capsys.readouterr()
            assert "word-of" not in told.out + told.err
            return code, told.out

        code, told = await run("explain", issuer.token("ada", sid="running"))
        assert (code, "✓ revocation: not among the 2 in force" in told) == (0, True)
        code, told = await run("explain", issuer.token("ada", sid="ended"))
        assert (code, "✗ revocation: revoked: its session (sid 'ended') was ended" in told) == (1, True)
        assert "This token is refused." in told
        code, told = await run("explain", issuer.token("bob", sid="running", iat=int(time.time()) - 5))
        assert (code, "its person (sub 'bob') was ended" in told) == (1, True)
        assert await run("check") == (
            0,
            f"✓ keys: {jwks}: {issuer.signer.kid} (Ed25519/EdDSA)\n✓ revocations: 2 in force\n",
        )
        wrong = url.replace("word-of", "guess-at")
        code, told = await run("explain", issuer.token("ada", sid="running"), feed_url=wrong)
        assert (code, "· revocation: http://127.0.0.1" in told, "status 401" in told) == (1, True, True)
        assert "This token cannot be judged now." in told
        code, told = await run("check", feed_url=wrong)
        assert (code, "✗ revocations: http://127.0.0.1" in told) == (1, True)
    assert command(["check", "--better-auth", APP, "--revocations", "http://app.example/feed"]) == 2
    assert "--revocations: " in capsys.readouterr().err


# The distribution


def test_importing_it_is_quick_and_brings_no_framework() -> None:
    program = (
        "import sys, time; began = time.process_time(); import tokenward; spent = time.process_time() - began; "
        "foreign = {'starlette', 'fastapi', 'django', 'flask', 'litestar', 'limits', 'httpx'} & set(sys.modules); "
        "print(spent, *sorted(foreign))"
    )
    spent = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        seconds, *brought = done.stdout.split()
        assert brought == []
        spent.append(float(seconds))
    assert min(spent) <= 0.25


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    import zipfile

    pytest.importorskip("hatchling")
    root = Path(__file__).parent.parent
    build = "import os, sys; os.chdir(sys.argv[1]); from hatchling.build import build_wheel as b; print(b(sys.argv[2]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(root), str(tmp_path)], capture_output=True, text=True, check=True
    )
    names = zipfile.ZipFile(tmp_path / done.stdout.split()[-1]).namelist()
    assert {name.split("/")[0] for name in names} == {"tokenward", f"tokenward-{version()}.dist-info"}
    assert "tokenward/py.typed" in names
    assert not [name for name in names if "test_" in name or name.endswith((".pyc", ".toml"))]


def version() -> str:
    from importlib.metadata import version as of

    return of("tokenward")


async def test_spans_are_made_where_opentelemetry_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from tokenward import authenticator, tracing

    exporter = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # The global provider is set once a process, so the tracer is put where it would be looked up.
    for module in (tracing, authenticator):
        monkeypatch.setattr(module, "tracer", lambda: provider.get_tracer("tokenward"))
    issuer = Issuer(APP)
    auth = Tokenward.better_auth(APP)
    with issuer.behind(auth):
        token = issuer.token("ada")
        for _ in range(3):
            assert await subject(auth, token) == "ada"
        assert blocking(auth).authenticate(bearer(issuer.token("bob")), None).subject == "bob"
        expired = issuer.token("eve", expires_in=-1)
        assert await subject(auth, expired) == "expired"
    fetch, verify, at_once, refused = exporter.get_finished_spans()
    assert [span.name for span in (fetch, verify, at_once, refused)] == ["tokenward.fetch_keys"] + [
        "tokenward.verify"
    ] * 3
    assert fetch.attributes == {"tokenward.url": f"{APP}/api/auth/jwks"}
    assert fetch.parent.span_id == verify.context.span_id, "the fetch is part of what the first request waited for"
    assert verify.attributes == {}
    assert refused.attributes == {"tokenward.refused": "expired"}
    told = "".join(span.to_json() for span in (fetch, verify, at_once, refused))
    assert not any(text in told for text in (token, expired, "@example.com"))


LATE_PROVIDER = """
import asyncio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tokenward import Tokenward
from tokenward.testing import Issuer

async def main():
    issuer, looked_up = Issuer("https://app.example"), []
    auth = Tokenward.better_auth("https://app.example")
    original = trace.get_tracer
    trace.get_tracer = lambda *names: looked_up.append(names) or original(*names)
    exporter = InMemorySpanExporter()
    with issuer.behind(auth):
        for person in ("ada", "bob"):
            await auth.authenticate([(b"authorization", b"Bearer " + issuer.token(person).encode())], None)
            print(len(looked_up), len(exporter.get_finished_spans()))
            provider = TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            trace.set_tracer_provider(provider)
        await auth.close()

asyncio.run(main())
"""


def test_spans_begin_when_the_application_sets_its_provider_and_cost_nothing_before() -> None:
    pytest.importorskip("opentelemetry.sdk.trace")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LATE_PROVIDER], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split("\n")[:1] == ["0 0"], done.stderr
    tracers, spans = done.stdout.split("\n")[1].split()
    assert (tracers, spans) == ("1", "1"), done.stderr


def test_every_test_that_the_readme_names_exists() -> None:
    import re

    root = Path(__file__).parent
    there = set(re.findall(r"def (test_\w+)\(", "".join(file.read_text() for file in root.glob("test_*.py"))))
    named = set(re.findall(r"`(test_\w+)`", (root.parent / "README.md").read_text()))
    assert len(named) >= 10
    assert named <= there, named - there


def test_the_blocks_of_readme_and_tutorial_run() -> None:
    import re

    root = Path(__file__).parent.parent
    for page in (root / "README.md", root / "docs" / "tutorial.md"):
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL):
            done = subprocess.run([sys.executable, "-"], input=block, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
