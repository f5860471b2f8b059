"""The signature layer against published vectors, and against signatures built to tell verifiers apart."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.attacks import edwards
from tests.attacks.edwards import BASE, NEUTRAL, SMALL, TORSION, L, P, add, challenge, encode, signature, times
from tokenward import InvalidToken, SecretSource
from tokenward.jws import parse
from tokenward.keyset import Key, UnusableKey, read_key
from tokenward.secret import check_secret
from tokenward.strict import b64url, json_object
from tokenward.testing.keys import b64

# The examples of the RFCs: keys and tokens as printed there (IETF Trust; code components, BSD licence).

JOE = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
FRODO = (
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5k"
    "IGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
)
BILBO_RSA = {
    "kty": "RSA",
    "kid": "bilbo.baggins@hobbiton.example",
    "use": "sig",
    "n": "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2w"
    "qV"
    "wGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3u"
    "hGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrN"
    "P5zw",
    "e": "AQAB",
}
BILBO_EC = {
    "kty": "EC",
    "kid": "bilbo.baggins@hobbiton.example",
    "use": "sig",
    "crv": "P-521",
    "x": "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
    "y": "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1",
}
JOE_RSA = {
    "kty": "RSA",
    "kid": "joe",
    "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ"
    "S-"
    "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg6"
    "65xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyu"
    "XpoQ",
    "e": "AQAB",
}
VECTORS: list[tuple[str, dict[str, Any], str]] = [
    (
        "RFC 7515 A.2 (RS256)",
        JOE_RSA,
        f"eyJhbGciOiJSUzI1NiJ9.{JOE}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt"
        "_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0Ga"
        "rZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXL"
        "IhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    ),
    (
        "RFC 7515 A.3 (ES256)",
        {
            "kty": "EC",
            "crv": "P-256",
            "kid": "joe",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        },
        f"eyJhbGciOiJFUzI1NiJ9.{JOE}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU"
        "1Q",
    ),
    (
        "RFC 7515 A.4 (ES512)",
        {
            "kty": "EC",
            "crv": "P-521",
            "kid": "joe",
            "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
            "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
        },
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO"
        "0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
    ),
    (
        "RFC 8037 A.4 (EdDSA)",
        {"kty": "OKP", "crv": "Ed25519", "kid": "joe", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki"
        "4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    ),
    (
        "RFC 7520 4.1 (RS256)",
        BILBO_RSA,
        f"eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{FRODO}.MRjdkly7_-oTPTS3AXP41iQIGKa80A"
        "0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0"
        "RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6"
        "L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
    ),
    (
        "RFC 7520 4.2 (PS384)",
        {**BILBO_RSA, "alg": "PS384"},
        f"eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{FRODO}.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz"
        "7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQF"
        "lfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6"
        "uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
    ),
    (
        "RFC 7520 4.3 (ES512)",
        BILBO_EC,
        f"eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{FRODO}.AE_R_YZCChjn4791jSQCrdPZCNYqHX"
        "CTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_I"
        "EKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
    ),
]


@pytest.mark.parametrize(("name", "jwk", "token"), VECTORS, ids=[name for name, *_ in VECTORS])
def test_the_signatures_printed_in_the_rfcs_verify_and_any_change_to_them_does_not(
    name: str, jwk: dict[str, Any], token: str
) -> None:
    signing_input, _, encoded = token.rpartition(".")
    key, raw = read_key(jwk), b64url(encoded)
    assert json_object(b64url(token.split(".")[0]))["alg"] in key.algorithms
    assert key.verifies(signing_input.encode(), raw), name
    assert not key.verifies(signing_input.encode() + b"A", raw)
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 0x01
        assert not key.verifies(signing_input.encode(), bytes(changed))


@pytest.mark.parametrize(
    ("name", "secret", "signing_input", "encoded"),
    [
        (
            "RFC 7515 A.1",
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
            f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        (
            "RFC 7520 4.4",
            "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
            f"eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9.{FRODO}",
            "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
        ),
    ],
)
def test_the_hmacs_printed_in_the_rfcs_verify(name: str, secret: str, signing_input: str, encoded: str) -> None:
    # Their keys are bytes and JWT_SECRET is text, which the environment hands over byte for byte.
    text = b64url(secret).decode("utf-8", "surrogateescape")
    check_secret(text)
    key = SecretSource(text).known("")
    assert key is not None
    assert key.verifies(signing_input.encode(), b64url(encoded)), name
    assert not key.verifies(signing_input.encode(), b64url(encoded)[::-1])


@pytest.mark.parametrize(
    "token",
    [
        f"eyJhbGciOiJub25lIn0.{JOE}.",  # RFC 7515 A.5: unsecured
        VECTORS[0][2].replace(f".{JOE}.", ".."),  # RFC 7515 Appendix F and RFC 7520 4.5: detached
        json.dumps({"payload": JOE, "signatures": []}),  # RFC 7515 A.6, RFC 7520 4.8: general JSON
        json.dumps({"payload": JOE, "protected": "e30", "signature": "AA"}),  # RFC 7515 A.7, RFC 7520 4.6, 4.7
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AA",  # RFC 7515 A.4's payload is the word "Payload": no claims
        f"eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRF"
        f"RklORUQiOnRydWUNCn0.{JOE}.",  # RFC 7515 Appendix E: the negative test of crit
    ],
)
def test_other_jose_forms_of_the_rfcs_are_refused_unread(token: str) -> None:
    with pytest.raises(InvalidToken):
        parse(token)


# Ed25519, where verifiers differ. The twelve conditions are those of Chalkias, Garillot and Nikolaenko, "Taming the
# many EdDSAs" (2020), built here anew from the arithmetic, so that each is what it says.

SECRET_SCALAR = 0x1F2E3D4C5B6A798897A6B5C4D3E2F10F1E2D3C4B5A69788796A5B4C3D2E1F001 % L
NONCE = 0x0123456789ABCDEFFEDCBA987654321000112233445566778899AABBCCDDEEFF % L
HONEST = times(SECRET_SCALAR, BASE)
MIXED = add(HONEST, TORSION)
NON_CANONICAL_ONE = (P + 1).to_bytes(32, "little")  # another spelling of the neutral point
NON_CANONICAL_ZERO = P.to_bytes(32, "little")  # another spelling of a point of order 4


def search(build: Callable[[bytes], tuple[bytes, bytes, int] | None]) -> tuple[bytes, bytes, bytes]:
    """The first message for which the builder finds what it wants: key, message, signature."""
    for n in range(10_000):
        message = b"message %d" % n
        found = build(message)
        if found is not None:
            key, r, s = found
            return key, message, signature(r, s)
    raise AssertionError


def small_key_small_r(message: bytes) -> tuple[bytes, bytes, int] | None:
    key, r = encode(TORSION), encode(SMALL[7])
    h = challenge(r, key, message)
    return (key, r, 0) if add(SMALL[7], times(h % 8, TORSION)) == NEUTRAL else None


def small_key_mixed_r(message: bytes) -> tuple[bytes, bytes, int] | None:
    point = add(times(NONCE, BASE), SMALL[7])
    key, r = encode(TORSION), encode(point)
    h = challenge(r, key, message)
    return (key, r, NONCE) if add(SMALL[7], times(h % 8, TORSION)) == NEUTRAL else None


def mixed_key(r_point: edwards.Point, nonce: int, torsion: edwards.Point, *, exact: bool) -> Any:
    def build(message: bytes) -> tuple[bytes, bytes, int] | None:
        key, r = encode(MIXED), encode(r_point)
        h = challenge(r, key, message)
        cancels = add(torsion, times(h % 8, TORSION)) == NEUTRAL
        return (key, r, (nonce + h * SECRET_SCALAR) % L) if cancels == exact else None

    return build


def honest(change: int) -> Any:
    def build(message: bytes) -> tuple[bytes, bytes, int] | None:
        key, r = encode(HONEST), encode(times(NONCE, BASE))
        s = (NONCE + challenge(r, key, message) * SECRET_SCALAR) % L
        return (key, r, s + change * L) if s + change * L < 2**256 else None

    return build


def respelt_r(*, hashed_as_sent: bool) -> Any:
    def build(message: bytes) -> tuple[bytes, bytes, int]:
        key = encode(HONEST)
        h = challenge(NON_CANONICAL_ONE if hashed_as_sent else encode(NEUTRAL), key, message)
        return key, NON_CANONICAL_ONE, h * SECRET_SCALAR % L

    return build


def respelt_key(*, hashed_as_sent: bool) -> Any:
    canonical = encode((times(2, TORSION)[0], 0))
    point = edwards.recover(0, canonical[31] >> 7)
    assert point is not None

    def build(message: bytes) -> tuple[bytes, bytes, int] | None:
        key = (P | (canonical[31] >> 7) << 255).to_bytes(32, "little")
        r = encode(times(NONCE, BASE))
        h = challenge(r, key if hashed_as_sent else canonical, message)
        return (key, r, NONCE) if times(h % 8, point) == NEUTRAL else None

    return build


R_MIXED = add(times(NONCE, BASE), SMALL[3])
KEY_REFUSED, REFUSED, ACCEPTED = "the key is refused", "refused", "accepted"
TAMING: list[tuple[str, Any, str, str]] = [
    ("0: key and R of small order, S of 0", small_key_small_r, KEY_REFUSED, "anybody could sign anything under it"),
    ("1: key of small order, R mixed", small_key_mixed_r, KEY_REFUSED, "likewise"),
    ("2: key mixed, R of small order", mixed_key(SMALL[3], 0, SMALL[3], exact=True), ACCEPTED,
     "only who holds the private key can make it; RFC 8032 allows it"),
    ("3: key and R mixed, exact", mixed_key(R_MIXED, NONCE, SMALL[3], exact=True), ACCEPTED, "likewise"),
    ("4: key and R mixed, only with the cofactor", mixed_key(R_MIXED, NONCE, SMALL[3], exact=False), REFUSED,
     "RFC 8032 leaves it open; refusing is the stricter of the two"),
    ("5: key mixed, R honest, only with the cofactor", mixed_key(times(NONCE, BASE), NONCE, NEUTRAL, exact=False),
     REFUSED, "likewise"),
    ("6: S past the order", honest(1), REFUSED, "malleable: RFC 8032 §5.1.7 wants it refused"),
    ("7: S far past the order", honest(14), REFUSED, "likewise"),
    ("8: R not canonical, hashed as sent", respelt_r(hashed_as_sent=True), REFUSED, "RFC 8032 §5.1.3 wants it refused"),
    ("9: R not canonical, hashed anew", respelt_r(hashed_as_sent=False), REFUSED, "likewise"),
    ("10: key not canonical, hashed as sent", respelt_key(hashed_as_sent=True), KEY_REFUSED, "RFC 8032 §5.1.3"),
    ("11: key not canonical, hashed anew", respelt_key(hashed_as_sent=False), KEY_REFUSED, "likewise"),
    ("honest", honest(0), ACCEPTED, "the signature everybody makes"),
]  # fmt: skip


def equation_holds(key: bytes, message: bytes, made: bytes, *, cofactor: int) -> bool:
    """The verification equation itself, on whatever points the bytes mean."""
    raw_r, raw_a = int.from_bytes(made[:32], "little"), int.from_bytes(key, "little")
    r = edwards.recover((raw_r % 2**255) % P, raw_r >> 255)
    a = edwards.recover((raw_a % 2**255) % P, raw_a >> 255)
    assert r is not None
    assert a is not None
    s, h = int.from_bytes(made[32:], "little"), challenge(made[:32], key, message)
    left, right = times(s, BASE), add(r, times(h, a))
    return times(cofactor, left) == times(cofactor, right)


@pytest.mark.parametrize(("name", "build", "verdict", "reason"), TAMING, ids=[name for name, *_ in TAMING])
def test_each_edge_of_ed25519_is_decided_in_one_known_way(name: str, build: Any, verdict: str, reason: str) -> None:
    encoded, message, made = search(build)
    if not name.startswith(("9", "11")):  # those two hash something else than is sent
        assert equation_holds(encoded, message, made, cofactor=8), "not the case it says it is"
        assert equation_holds(encoded, message, made, cofactor=1) == ("cofactor" not in name)
    try:
        key: Key | None = read_key({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": b64(encoded)})
    except UnusableKey:
        key = None
    found = KEY_REFUSED if key is None else ACCEPTED if key.verifies(message, made) else REFUSED
    assert found == verdict, reason


def test_all_fourteen_encodings_of_points_of_small_order_are_refused() -> None:
    spellings = {encode(point) for point in SMALL}
    for point in SMALL:
        for sign in (0, 1):
            for y in (point[1], point[1] + P):
                if y < 2**255 and (point[0] == 0 or point[0] & 1 == sign):
                    spellings.add((y | sign << 255).to_bytes(32, "little"))
    assert len(spellings) == 14
    for spelling in spellings:
        with pytest.raises(UnusableKey):
            read_key({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": b64(spelling)})


# Public collections, where somebody has a copy of them (they are not kept here).


def wycheproof_key(group: dict[str, Any], schema: str) -> Key:
    public = group["publicKey"]
    if schema.startswith("eddsa"):
        return read_key({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": b64(bytes.fromhex(public["pk"]))})
    if schema.startswith("ecdsa"):
        crv = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}[public["curve"]]
        point = bytes.fromhex(public["uncompressed"])[1:]
        half = len(point) // 2
        return read_key({"kty": "EC", "crv": crv, "kid": "k", "x": b64(point[:half]), "y": b64(point[half:])})
    parts = {
        n: b64(bytes.fromhex(public[name]).lstrip(b"\0")) for n, name in (("n", "modulus"), ("e", "publicExponent"))
    }
    return read_key({"kty": "RSA", "kid": "k", "alg": "PS256" if "pss" in schema else "RS256", **parts})


@pytest.mark.torture
@pytest.mark.parametrize(
    "name",
    ["ed25519_test", "ecdsa_secp256r1_sha256_p1363_test", "ecdsa_secp384r1_sha384_p1363_test",
     "ecdsa_secp521r1_sha512_p1363_test", "rsa_signature_2048_sha256_test", "rsa_pss_2048_sha256_mgf1_32_test"],
)  # fmt: skip
def test_every_vector_of_wycheproof_is_judged_as_it_says(name: str, request: pytest.FixtureRequest) -> None:
    folder = request.config.getoption("--wycheproof", default=None)
    if not folder:
        pytest.skip("needs --wycheproof FOLDER: testvectors_v1 of github.com/C2SP/wycheproof (Apache-2.0)")
    vectors = json.loads((Path(folder) / f"{name}.json").read_text())
    judged: Counter[tuple[str, bool]] = Counter()
    for group in vectors["testGroups"]:
        key = wycheproof_key(group, vectors["schema"])
        for test in group["tests"]:
            judged[test["result"], key.verifies(bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))] += 1
    assert judged["valid", True] > 0
    assert judged["valid", False] == 0, judged
    assert judged["invalid", True] == 0, judged


def test_the_printed_payloads_are_what_the_rfcs_say() -> None:
    assert json.loads(base64.urlsafe_b64decode(JOE + "=="))["iss"] == "joe"
    assert base64.urlsafe_b64decode(FRODO + "==").decode().startswith("It’s a dangerous business, Frodo")
