"""The URL that a proof must be made for, and RFC 9449's own examples."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bound import HOLDER, URL, guarded, request
from tokenward import InvalidProof
from tokenward.dpop.proof import ProofVerifier
from tokenward.dpop.target import Target, normal_url, target_of
from tokenward.jws import parse
from tokenward.keyset import read_key

# The URL


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("http://example.com:80/", "http://example.com/"),
        ("http://example.com:/", "http://example.com/"),
        ("https://example.com:0443/a", "https://example.com/a"),
        ("https://[::1]:443/a", "https://[::1]/a"),
        ("https://h/%7euser", "https://h/~user"),
        ("https://h/%c3%a4", "https://h/%C3%A4"),
        ("https://h/a/./b/../c", "https://h/a/c"),
        ("https://h/a/%2e%2E/c", "https://h/c"),
        ("https://h/../../a", "https://h/a"),
        ("https://h/a/..", "https://h/"),
        ("https://h/a/.", "https://h/a/"),
        ("https://h/a?x=/../b", "https://h/a"),
        ("https://h/a#/../b", "https://h/a"),
        ("https://h?x", "https://h/"),
        ("https://h/a|b[c]", "https://h/a%7Cb%5Bc%5D"),
    ],
)  # fmt: skip
def test_urls_that_are_equal_by_rfc_3986_match(one: str, other: str) -> None:
    assert normal_url(one) == normal_url(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("https://h/a%2Fb", "https://h/a/b"), ("https://h/a//b", "https://h/a/b"), ("https://h/a", "https://h/a/"),
     ("https://h/%3F", "https://h/"), ("https://h/A", "https://h/a"), ("https://h/a+b", "https://h/a%20b"),
     ("https://h/a;b", "https://h/a"), ("https://h:80/", "https://h/"), ("https://h/a%252Fb", "https://h/a%2Fb")],
)  # fmt: skip
def test_urls_that_differ_by_rfc_3986_do_not_match(one: str, other: str) -> None:
    assert normal_url(one) != normal_url(other)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='?#"<>\\`%'), max_size=30))
def test_normalising_twice_changes_nothing(path: str) -> None:
    origin, once = normal_url(f"https://h/{path}")
    assert normal_url(origin + once) == (origin, once)


@given(st.text(max_size=40))
def test_no_text_makes_the_reading_of_a_url_fail_otherwise(text: str) -> None:
    target = Target("GET", "https://h", "/a")
    for htu in (text, f"https://h/{text}", f"https://{text}/a", f"{text}://h/a"):
        target.is_named_by(htu)


WSGI = {
    "REQUEST_METHOD": "GET",
    "wsgi.url_scheme": "https",
    "SERVER_NAME": "h",
    "SERVER_PORT": "443",
    "PATH_INFO": "/a b",
}


@pytest.mark.parametrize(
    ("found", "options", "htu"),
    [
        (request(path="/a%2Fb?x=1"), {}, "https://api.example/a%2Fb"),
        (request(path="/x", headers=[(b"host", b"API.example:443")]), {}, "https://api.example/x"),
        (request(raw_path=None, path="/a/ä"), {}, "https://api.example/a/%C3%A4"),
        (request(raw_path=None, path="/a/b"), {}, "https://api.example/a%2Fb"),
        (request(scheme="wss", type="websocket"), {}, "https://api.example/notes"),
        (request(), {"public_url": "https://public.example"}, "https://public.example/notes"),
        (request(), {"public_url": "https://public.example/backend/"}, "https://public.example/backend/notes"),
        (request(path="/backend/notes", root_path="/backend"), {"public_url": "https://p.example/backend"}, "https://p.example/backend/notes"),
        (request(path="/api/notes", root_path="/api", app_root_path=""), {"public_url": "https://p.example/api"}, "https://p.example/api/api/notes"),
        (request(), {"origin": "https://pinned.example"}, "https://pinned.example/notes"),
        (WSGI, {}, "https://h/a%20b"),
        ({**WSGI, "HTTP_HOST": "x.example", "RAW_URI": "/a%2Fb?y"}, {}, "https://x.example/a%2Fb"),
        ({**WSGI, "REQUEST_URI": "http://evil.example/a?y"}, {}, "https://h/a"),
        ({**WSGI, "SCRIPT_NAME": "/root"}, {}, "https://h/root/a%20b"),
        ({**WSGI, "SCRIPT_NAME": "/root", "RAW_URI": "/root/x"}, {"public_url": "https://p/out"}, "https://p/out/x"),
        ({**WSGI, "PATH_INFO": "/\xc3\xa4"}, {}, "https://h/%C3%A4"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_the_target_of_a_request(found: dict[str, Any], options: dict[str, Any], htu: str) -> None:
    assert target_of(found, **options).is_named_by(htu)


@pytest.mark.parametrize(
    "hosts", [[], [b"a.example", b"b.example"], [b""], [b"a b"], [b"a.example/x"], [b"u@a.example"]]
)
async def test_without_one_host_and_without_a_public_url_no_proof_holds(hosts: list[bytes]) -> None:
    async with guarded() as g:
        scope = request(headers=[(b"host", host) for host in hosts])
        assert (await g.refusal(HOLDER.headers(g.token(), "GET", URL), scope)).status == 401
    async with guarded(public_url="https://api.example") as g:
        assert await g.ask(HOLDER.headers(g.token(), "GET", URL), scope) == "ada"


# Examples of the RFC


def test_the_proofs_and_the_thumbprint_of_rfc_9449() -> None:
    """§4.2 and §7.1: the proofs as printed, and the token that the second one is for."""
    resource = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik"
        "VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR"
        "nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE"
        "QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIj"
        "oiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z"
        "WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNF"
        "c05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71E"
        "OptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
    )
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    verifier = ProofVerifier(["ES256"])
    target = Target("GET", "https://resource.example.org", "/protectedresource")
    jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    proof = verifier.verify(resource, token, jkt, target, 1_562_262_618)
    assert proof.issued_at == 1_562_262_618
    with pytest.raises(InvalidProof):
        verifier.verify(resource, token + "x", jkt, target, 1_562_262_618)
    with pytest.raises(InvalidProof):
        verifier.verify(resource[:-4] + "AAAA", token, jkt, target, 1_562_262_618)


def test_a_proof_for_the_token_endpoint_is_refused_by_a_resource() -> None:
    """§4.1 and §5: genuine, of the same key, but made for no access token."""
    header = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rsc"
        "EJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In"
        "19"
    )
    claims = (
        "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwia"
        "WF0IjoxNTYyMjYyNjE2fQ"
    )
    signature = "2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
    jws = parse(f"{header}.{claims}.{signature}")
    key = read_key({**jws.header["jwk"], "kid": "x"})
    assert key.verifies(jws.signing_input, jws.signature)
    target = Target("POST", "https://server.example.com", "/token")
    jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    with pytest.raises(InvalidProof, match="another token"):
        ProofVerifier(["ES256"]).verify(f"{header}.{claims}.{signature}", "t", jkt, target, 1_562_262_616)
