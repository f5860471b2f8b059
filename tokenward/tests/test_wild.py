"""Key servers and clients as they are met in the wild."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tokenward import BearerMiddleware, JwksSource, KeysUnavailable, Tokenward
from tokenward.asgi import Receive, Scope, Send
from tokenward.explain import explain
from tokenward.fetch import USER_AGENT
from tokenward.testing import Issuer
from world import bearer, world


async def test_the_key_server_sees_a_user_agent_of_our_own_or_the_applications() -> None:
    async with world() as w:
        assert w.requests[0].headers["user-agent"] == USER_AGENT
        assert USER_AGENT.startswith("tokenward/")
    issuer = Issuer()
    seen: list[str] = []

    async def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["user-agent"])
        return await issuer.respond(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        await JwksSource(issuer.jwks_url, http, user_agent="taskward/9").refresh()
    headers = {"user-agent": "theirs/1"}
    async with httpx.AsyncClient(transport=httpx.MockTransport(respond), headers=headers) as http:
        await JwksSource(issuer.jwks_url, http).refresh()
    assert seen == ["taskward/9", "theirs/1"]


async def test_a_cache_on_the_way_is_passed_by_when_a_token_names_a_key_that_is_not_known() -> None:
    async with world() as w:
        assert "cache-control" not in w.requests[0].headers, "the usual fetch may be answered by a cache"
        await w.clock.advance(10)
        w.issuer.rotate()
        assert await w.outcome(w.issuer.token("alice")) == "ok:alice"
        assert w.requests[1].headers["cache-control"] == "no-cache"
        await w.clock.advance(300)
        assert "cache-control" not in w.requests[-1].headers


async def test_an_expired_token_before_any_key_set_counts_for_no_throttle() -> None:
    async with world(limit="1/minute", started=False) as w:
        assert [await w.outcome(w.issuer.expired_token()) for _ in range(5)] == ["expired"] * 5
        assert w.issuer.fetches == 0, "and it costs no fetch"
        await w.source.refresh()
        assert await w.outcome(w.issuer.token("a", header={"kid": "made-up"}, expires_in=-1)) == "expired"
        assert await w.outcome(w.issuer.token("a", header={"kid": "made-up"}, expires_in=-1)) == "too_many_failures"


async def test_explain_advises_define_payload_for_a_token_over_8_kib() -> None:
    async with world() as w:
        token = w.issuer.token("alice", image="data:image/png;base64," + "A" * 9000)
        (finding,) = await explain(token, w.verifier, w.source, w.clock.wall())
        assert "jwt.definePayload" in finding.advice


@pytest.mark.parametrize(
    ("root_path", "path", "status"),
    [
        ("", "/health", 200),
        ("/backend", "/backend/health", 200),
        ("/backend/", "/backend/health", 200),
        ("/backend", "/health", 200),
        ("/v1", "/v1/notes", 401),
        ("/health", "/health/notes", 401),
        ("/health", "/health", 401),
        ("/back", "/backend/health", 401),
        ("", "/health/", 401),
    ],
)
async def test_open_paths_are_compared_below_the_root_path(root_path: str, path: str, status: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    guarded = BearerMiddleware(app, Tokenward.better_auth("https://app.example"), open_paths={"/health"})
    transport = httpx.ASGITransport(guarded, root_path=root_path)
    async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
        assert (await client.get(path)).status_code == status


def test_a_second_event_loop_works_after_the_first_and_beside_it() -> None:
    issuer = Issuer()
    with issuer.running() as url:
        auth = Tokenward(issuer=issuer.url, audience=issuer.audience, jwks_url=url)

        async def ask() -> str:
            return (await auth.authenticate(bearer(issuer.token("ada")), None)).subject

        async def served() -> str:
            async with auth:
                issuer.rotate()
                await asyncio.sleep(1.05)  # real time: the next fetch is permitted after one second
                return await ask()

        assert asyncio.run(ask()) == "ada", "without a lifespan"
        assert asyncio.run(served()) == "ada", "with one, in another loop"
        assert asyncio.run(ask()) == "ada"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of localhost with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


async def https_refresh(issuer: Issuer, certificate: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(issuer.answer_connection, "127.0.0.1", 0, ssl=context)
    try:
        source = JwksSource(f"https://localhost:{server.sockets[0].getsockname()[1]}/api/auth/jwks")
        await source.refresh()
    except KeysUnavailable as failure:
        return str(failure)
    finally:
        server.close()
    return "keys"


async def test_a_custom_ca_is_used_for_this_machine_and_proxies_are_not(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert await https_refresh(Issuer(), certificate) == "keys"


async def test_a_certificate_that_is_not_trusted_is_named(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    said = await https_refresh(Issuer(), certificate)
    assert "certificate is not trusted" in said
    assert "SSL_CERT_FILE" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [("SSL_CERT_FILE", "/nope"), ("ALL_PROXY", "socks5://u:hunter2@127.0.0.1:9"), ("HTTPS_PROXY", "nonsense://x")],
)
async def test_an_unusable_environment_is_reported_without_a_traceback(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(KeysUnavailable) as failure:
        await JwksSource("https://keys.example/jwks").refresh()
    assert "SSL_CERT_FILE" in str(failure.value) or "proxy" in str(failure.value)
    assert "hunter2" not in str(failure.value)


async def test_the_reason_for_an_unavailable_key_set_reaches_the_events() -> None:
    from tokenward.testing import Answer

    async with world(started=False) as w:
        w.issuer.always = Answer(status=403)
        assert await w.outcome(w.issuer.token("alice")) == "unavailable"
        assert w.events.reasons == ["status 403"]
