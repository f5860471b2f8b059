"""One request for a key set: its header fields, its TLS, and how the response is read."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tokenward import JwksSource, KeysUnavailable
from tokenward.fetch import USER_AGENT, Fetched, FetchFailed, _retry_after, fetch
from tokenward.testing import Issuer
from world import world


@pytest.mark.parametrize(
    ("sent", "understood"),
    [("0", 0), ("7", 7), ("99999", 99_999), ("100000", 0), ("-1", 0), ("soon", 0), ("٣", 0), ("", 0), (None, 0)],
)
def test_retry_after_is_read_as_up_to_five_digits_of_seconds_and_else_as_0(sent: str | None, understood: float) -> None:
    headers = [] if sent is None else [(b"retry-after", sent.encode())]
    assert _retry_after(httpx.Response(429, headers=headers)) == understood


async def test_the_request_accepts_the_two_media_types_and_gzip() -> None:
    async with world() as w:
        asked = w.requests[0].headers
        assert asked["accept"] == "application/jwk-set+json, application/json"
        assert asked["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("public,max-age=70", 70),
        ("MAX-AGE \t=  70", 70),
        ("max-agess=70", None),
        ("max-age=ss70", None),
        ("max-age=\\70", None),
        ("xmax-age=70", None),
        ("s-max-age=70", None),
    ],
)
async def test_max_age_is_read_only_as_a_whole_directive_with_a_number(cache_control: str, seconds: int | None) -> None:
    answer = httpx.Response(200, headers={"cache-control": cache_control}, content=b"{}")
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as http:
        assert (await fetch(http, "https://keys.example/jwks")).max_age == seconds


async def test_a_redirect_is_a_failed_fetch_even_with_a_client_that_follows_redirects() -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"location": "https://elsewhere.example/jwks"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond), follow_redirects=True) as http:
        with pytest.raises(FetchFailed, match="status 302"):
            await fetch(http, "https://keys.example/jwks")
    assert asked == ["https://keys.example/jwks"]


class Sent(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self.body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.body


@pytest.mark.parametrize(
    ("encoding", "pack", "read"),
    [
        ("", bytes, True),
        ("identity", bytes, True),
        ("gzip", gzip.compress, True),
        (" \tGZip ", gzip.compress, True),
        ("gzip", zlib.compress, False),
        ("br", bytes, False),
        ("deflate", bytes, False),
        ("gzip, gzip", gzip.compress, False),
    ],
)
async def test_a_response_is_read_as_gzip_or_unencoded_and_any_other_encoding_fails(
    encoding: str, pack: Callable[[bytes], bytes], read: bool
) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": encoding}, stream=Sent(pack(b'{"keys": []}')))

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        if read:
            assert (await fetch(http, "https://keys.example/jwks")).body == b'{"keys": []}'
        else:
            with pytest.raises(FetchFailed):
                await fetch(http, "https://keys.example/jwks")


async def test_a_conditional_request_reads_a_200_and_fails_on_a_500() -> None:
    answers = iter([httpx.Response(200, content=b"{}", headers={"etag": '"b"'}), httpx.Response(500)])
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: next(answers))) as http:
        assert await fetch(http, "https://keys.example/jwks", '"a"') == Fetched(b"{}", '"b"', None)
        with pytest.raises(FetchFailed, match="status 500"):
            await fetch(http, "https://keys.example/jwks", '"b"')


async def test_requests_have_the_user_agent_of_tokenward_or_of_the_application() -> None:
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
