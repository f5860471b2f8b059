"""What a token must say: every rule of the header and the claims, one by one, with genuine signatures throughout."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pytest

from tokenward import Identity, InvalidToken, Reason, TokenVerifier
from tokenward.jws import Jws, parse
from tokenward.keyset import KeySet, read_key
from tokenward.testing.clock import START
from tokenward.testing.issuer import Issuer
from tokenward.testing.keys import ABSENT, SigningKey, b64, compact, spare_key
from world import ALL_ALGORITHMS, world

NOW = START
issuer = Issuer("https://id.example", audience="https://api.example", clock=lambda: NOW)
KEY = read_key(issuer.signer.jwk())
VERIFIER = TokenVerifier(frozenset({issuer.url}), frozenset({issuer.audience}), ALL_ALGORITHMS)


def verify(token: str, verifier: TokenVerifier = VERIFIER, now: float = NOW) -> Identity:
    return verifier.verify(parse(token), KEY, now)


def shown(value: object) -> str:
    """A test id that is the same in every run."""
    return "absent" if value is ABSENT else repr(value)


def refused(token: str, reason: Reason | None = None, verifier: TokenVerifier = VERIFIER, now: float = NOW) -> None:
    with pytest.raises(InvalidToken) as refusal:
        verify(token, verifier, now)
    if reason is not None:
        assert refusal.value.reason is reason, refusal.value


def raw_claims(text: str) -> str:
    """A token whose payload is this very text around the usual claims, signed as it stands."""
    usual = json.dumps(issuer.claims())[1:-1]
    return issuer.sign_raw(issuer.header(), text.replace("…", usual).encode("utf-8", "surrogatepass"))


def raw_header(text: str) -> str:
    usual = json.dumps(issuer.header())[1:-1]
    return issuer.sign_raw(text.replace("…", usual).encode("utf-8", "surrogatepass"), issuer.claims())


def test_a_token_of_better_auths_kind_is_accepted() -> None:
    identity = verify(issuer.token("alice"))
    assert identity.subject == identity.identity == "alice"
    assert identity.issuer == issuer.url
    assert identity.is_authenticated
    assert identity.display_name == "Alice"
    assert identity.claims["email"] == "alice@example.com"


# Shape


GENUINE = issuer.token("alice")
HEAD, BODY, SIGNATURE = GENUINE.split(".")
STANDARD = "+/" + "A" * 84


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "." * 5000,
        "." * 8192,
        HEAD,
        f"{HEAD}.{BODY}",
        f"{HEAD}.{BODY}.",
        f"{HEAD}..{SIGNATURE}",
        f".{BODY}.{SIGNATURE}",
        f"{GENUINE}.",
        f".{GENUINE}",
        f"{GENUINE}.{SIGNATURE}",
        f"{HEAD}.{BODY}.{BODY}.{BODY}.{SIGNATURE}",
        f"{HEAD}.{BODY}.{SIGNATURE}=",
        f"{HEAD}.{BODY}.{SIGNATURE}==",
        f"{HEAD}=.{BODY}.{SIGNATURE}",
        f"{HEAD}.{BODY}=.{SIGNATURE}",
        f"{GENUINE}\n",
        f"{GENUINE} ",
        f" {GENUINE}",
        f"{HEAD}.{BODY}\n.{SIGNATURE}",
        f"{HEAD[:4]}\n{HEAD[4:]}.{BODY}.{SIGNATURE}",
        f"{HEAD}.{BODY}.{STANDARD}",
        f"{HEAD}.{BODY}.{SIGNATURE[:-1]}",
        f"{HEAD}.{BODY}.{SIGNATURE}A",
        f"{HEAD}.{BODY}.{SIGNATURE}AAAA",
        f"{HEAD},{BODY},{SIGNATURE}",
        f"{HEAD}%2E{BODY}%2E{SIGNATURE}",
        json.dumps({"protected": HEAD, "payload": BODY, "signature": SIGNATURE}),
        json.dumps({"payload": BODY, "signatures": [{"protected": HEAD, "signature": SIGNATURE}]}),
        GENUINE + GENUINE,
        "A" * 8193,
        "ＡＡ.ＢＢ.ＣＣ",
    ],
    ids=map(str, itertools.count()),  # tokens differ from run to run
)
def test_anything_but_three_canonical_segments_is_refused(token: str) -> None:
    refused(token)


def test_another_spelling_of_the_same_signature_bytes_is_refused() -> None:
    # 64 bytes leave four bits of the last character unused: sixteen spellings, of which one is canonical.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(SIGNATURE[-1])
    others = [alphabet[last & ~15 | bits] for bits in range(16) if last & ~15 | bits != last]
    assert len(others) == 15
    for other in others:
        refused(f"{HEAD}.{BODY}.{SIGNATURE[:-1]}{other}", Reason.SHAPE)


@pytest.mark.parametrize("padding", [0, 1, 2], ids="a header of 3n+{}".format)
def test_another_spelling_of_the_header_or_the_payload_is_refused_even_when_it_is_signed(padding: int) -> None:
    header = json.dumps(issuer.header()).encode()
    header += b" " * ((padding - len(header)) % 3)
    signed = f"{b64(header)}.{BODY}"
    assert verify(f"{signed}.{b64(issuer.signer.sign(signed.encode()))}").subject == "alice"
    if padding:
        stretched = b64(header)[:-1] + chr(ord(b64(header)[-1]) + 1) + "." + BODY
        refused(f"{stretched}.{b64(issuer.signer.sign(stretched.encode()))}", Reason.HEADER)


def test_a_token_of_exactly_8_kib_is_read_and_one_more_byte_is_not() -> None:
    pad = (8192 - len(issuer.token("alice", pad=""))) * 3 // 4
    made = [issuer.token("alice", pad="x" * n, header={"x": "y" * m}) for n in range(pad - 20, pad) for m in range(4)]
    sizes = {len(token): token for token in made}
    assert verify(sizes[8192]).subject == "alice"
    refused(sizes[8193], Reason.SHAPE)


# JSON


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("duplicate members in the claims", lambda: raw_claims('{…, "sub": "mallory"}')),
        ("duplicate members that agree", lambda: raw_claims('{…, "sub": "alice"}')),
        ("duplicate members spelt with escapes", lambda: raw_claims('{…, "s\\u0075b": "mallory"}')),
        ("duplicate members deep inside", lambda: raw_claims('{…, "a": [{"b": 1, "b": 2}]}')),
        ("duplicate members in the header", lambda: raw_header('{…, "alg": "none"}')),
        ("duplicate kid in the header", lambda: raw_header('{…, "kid": "other"}')),
        ("NaN", lambda: raw_claims('{…, "x": NaN}')),
        ("Infinity", lambda: raw_claims('{…, "x": Infinity}')),
        ("-Infinity", lambda: raw_claims('{…, "x": -Infinity}')),
        ("a BOM", lambda: raw_claims("\ufeff{…}")),
        ("a BOM in the header", lambda: raw_header("\ufeff{…}")),
        ("a lone surrogate as bytes", lambda: raw_claims('{…, "x": "\ud800"}')),
        ("a control character in a string", lambda: raw_claims('{…, "x": "\x01"}')),
        ("a trailing comma", lambda: raw_claims("{…,}")),
        ("a comment", lambda: raw_claims("{…} // so")),
        ("something behind it", lambda: raw_claims("{…} {}")),
        ("single quotes", lambda: raw_claims("{…, 'x': 1}")),
        ("an array", lambda: raw_claims("[{…}]")),
        ("a string", lambda: raw_claims('"sub"')),
        ("null", lambda: raw_claims("null")),
        ("a number", lambda: raw_claims("5")),
        ("nothing but space", lambda: raw_claims("   ")),
        ("17 levels of arrays", lambda: raw_claims('{…, "x": ' + "[" * 16 + "]" * 16 + "}")),
        ("17 levels of objects", lambda: raw_claims('{…, "x": ' + '{"a":' * 16 + "1" + "}" * 16 + "}")),
        ("3,000 levels", lambda: raw_claims('{…, "x": ' + "[" * 2500 + "]" * 2500 + "}")),
        ("3,000 levels that never end", lambda: raw_claims('{…, "x": ' + "[" * 5000)),
        ("3,000 levels in the header", lambda: raw_header('{…, "x": ' + "[" * 2500 + "]" * 2500 + "}")),
        ("a number of 5,000 digits", lambda: raw_claims('{…, "x": ' + "9" * 5000 + "}")),
        ("a NUL behind it", lambda: raw_claims("{…}\0")),
    ],
)
def test_json_with_more_than_one_reading_is_refused(name: str, make: Any) -> None:
    token = make()
    assert len(token) <= 8192, name
    refused(token)
    with pytest.raises(InvalidToken) as refusal:
        parse(token)
    assert refusal.value.reason in (Reason.SHAPE, Reason.HEADER)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-8-sig", "utf-7"])
def test_json_in_any_encoding_but_utf_8_is_refused(encoding: str) -> None:
    header, claims = issuer.header(), issuer.claims("ålice")
    body = json.dumps(claims, ensure_ascii=False)
    if encoding == "utf-7":
        refused(issuer.sign_raw(header, body.encode("latin-1")))
        return
    refused(issuer.sign_raw(header, body.encode(encoding)))
    refused(issuer.sign_raw(json.dumps(header).encode(encoding), claims))


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3"])
def test_invalid_utf_8_is_refused(bad: bytes) -> None:
    body = json.dumps(issuer.claims())[:-1].encode() + b', "x": "' + bad + b'"}'
    refused(issuer.sign_raw(issuer.header(), body))


def test_sixteen_levels_and_many_shallow_brackets_are_fine() -> None:
    assert verify(raw_claims('{…, "x": ' + "[" * 15 + "]" * 15 + "}")).subject == "alice"
    assert (
        verify(issuer.token("alice", roles=[[n] for n in range(100)], note="[[[[[[[[[[[[[[[[[[[[[{{{{")).subject
        == "alice"
    )
    assert verify(raw_claims(" \n{ … }\t ")).subject == "alice"


# Header


@pytest.mark.parametrize(
    "alg",
    ["none", "None", "NONE", "nOnE", "none ", "", "HS256", "HS384", "HS512", "eddsa", "EDDSA", "EdDSA ", "ED25519",
     "ES256K", "RS1", "ES256", "RS256", "Ed448", "EdDSA\0", "A128KW", "dir", ABSENT, None, 5, True, ["EdDSA"],
     {"EdDSA": 1}],
)  # fmt: skip
def test_an_alg_that_is_not_allowed_or_not_the_keys_is_refused(alg: Any) -> None:
    refused(issuer.token("alice", header={"alg": alg}), Reason.ALGORITHM)


@pytest.mark.parametrize("published", ["EdDSA", "Ed25519", ABSENT])
@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_ed25519_answers_to_both_its_names(alg: str, published: Any) -> None:
    jwk = {**issuer.signer.jwk(), "alg": published}
    key = read_key({name: value for name, value in jwk.items() if value is not ABSENT})
    assert VERIFIER.verify(parse(issuer.token("alice", header={"alg": alg})), key, NOW).subject == "alice"


@pytest.mark.parametrize("published", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_an_rsa_key_verifies_only_the_algorithm_it_is_published_for(alg: str, published: str) -> None:
    signer = spare_key("RS256")
    key = read_key({**signer.jwk(), "alg": published})
    header = {"alg": alg, "kid": signer.kid}
    token = compact(header, issuer.claims(), lambda signed: signer.sign(signed, alg))
    if alg == published:
        assert VERIFIER.verify(parse(token), key, NOW).subject == "alice"
    else:
        with pytest.raises(InvalidToken) as refusal:
            VERIFIER.verify(parse(token), key, NOW)
        assert refusal.value.reason is Reason.ALGORITHM


def test_an_alg_the_key_has_but_the_settings_do_not_allow_is_refused() -> None:
    only_rsa = TokenVerifier(frozenset({issuer.url}), frozenset({issuer.audience}), frozenset({"RS256"}))
    refused(issuer.token("alice"), Reason.ALGORITHM, only_rsa)


@pytest.mark.parametrize("kid", [ABSENT, None, "", 5, True, ["k"], {"k": 1}, "k\n", "k\0", "k" * 257, "\u200b", "\x7f"])
def test_a_kid_that_is_missing_or_no_printable_string_is_refused(kid: Any) -> None:
    refused(issuer.token("alice", header={"kid": kid}), Reason.KEY_ID)


def test_a_kid_of_256_printable_characters_is_accepted() -> None:
    for kid in ("k" * 256, "../../etc/passwd", "clé", "a b"):
        assert verify(issuer.token("alice", header={"kid": kid})).subject == "alice"  # the look-up is not here


@pytest.mark.parametrize(
    "typ", [ABSENT, "JWT", "jwt", "Jwt", "at+jwt", "AT+JWT", "application/jwt", "Application/AT+jwt"]
)
def test_a_typ_of_an_access_token_is_accepted(typ: Any) -> None:
    assert verify(issuer.token("alice", header={"typ": typ})).subject == "alice"


@pytest.mark.parametrize(
    "typ",
    [None, "", "JOSE", "id+jwt", "dpop+jwt", "secevent+jwt", "logout+jwt", "rt+jwt", "jwt ", " jwt", "text/jwt", 1,
     "application/application/jwt", "application/", "token-introspection+jwt", ["JWT"], {"JWT": 1}, True,
     "oauth-authz-req+jwt", "jwt\0", "a" * 1000, "ＪＷＴ"],
)  # fmt: skip
def test_a_typ_of_any_other_kind_of_token_is_refused(typ: Any) -> None:
    refused(issuer.token("alice", header={"typ": typ}), Reason.TYPE)


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": None},
        {"crit": "exp"},
        {"crit": ["b64"], "b64": False},
        {"crit": ["b64"], "b64": True},
        {"b64": False},
        {"b64": True},
        {"b64": None},
        {"zip": "DEF"},
        {"zip": None},
        {"enc": "A256GCM"},
        {"cty": "JWT"},
        {"cty": None},
    ],
    ids=json.dumps,
)
def test_header_members_that_change_what_a_token_means_are_refused(extra: dict[str, Any]) -> None:
    refused(issuer.token("alice", header=extra), Reason.HEADER)


def test_unknown_header_members_are_ignored() -> None:
    assert verify(issuer.token("alice", header={"iat": 5, "ver": "1", "x": [1], "url": "https://x"})).subject == "alice"


def test_keys_a_token_brings_along_are_never_used() -> None:
    mallory = SigningKey.new("EdDSA", issuer.signer.kid)
    for extra in (
        {"jwk": mallory.jwk()},
        {"jku": "https://mallory.example/jwks"},
        {"x5u": "https://mallory.example/cert"},
        {"x5c": ["MIIB"]},
        {"x5t": "abc", "x5t#S256": "abc"},
    ):
        refused(issuer.token("alice", key=mallory, header=extra), Reason.SIGNATURE)
        assert verify(issuer.token("alice", header=extra)).subject == "alice"  # nor do they harm a genuine token


# Claims

JSON_TYPES: list[Any] = [None, True, False, 0, 1, -1, 1.5, "", "x", [], ["x"], {}, {"x": 1}, [None], [[]]]


@pytest.mark.parametrize("sub", [ABSENT, *(v for v in JSON_TYPES if not (isinstance(v, str) and v))], ids=shown)
def test_a_sub_of_the_wrong_type_is_refused(sub: Any) -> None:
    refused(issuer.token(sub=sub), Reason.SUBJECT)


@pytest.mark.parametrize(
    "sub", ["", "x" * 256, "a\0b", "a\nb", "\x7f", "a\x85b", "\x1b[31m", "a\ud800b", "\udfff", "\x00"], ids=shown
)
def test_a_sub_with_control_characters_or_of_the_wrong_length_is_refused(sub: str) -> None:
    header, claims = issuer.header(), {**issuer.claims(), "sub": sub}
    refused(issuer.sign_raw(header, json.dumps(claims).encode()), Reason.SUBJECT)


@pytest.mark.parametrize(
    "sub", ["x", "x" * 255, "ålice", "李", "👩‍💻", " ", "a b", "me", "../me", "a/b?c#d", "'; DROP"]
)
def test_a_sub_of_1_to_255_characters_is_accepted_as_it_is(sub: str) -> None:
    assert verify(issuer.token(sub)).subject == sub


@pytest.mark.parametrize(
    "iss",
    [
        ABSENT, *JSON_TYPES, issuer.url + "/", issuer.url[:-1], issuer.url.upper(), "http" + issuer.url[5:],
        issuer.url + ".evil.example", issuer.url + "@evil.example", "https://evil.example/" + issuer.url,
        issuer.url + "/api/auth", issuer.url + "\0", " " + issuer.url, [issuer.url], {issuer.url: 1},
        issuer.url.replace("i", "ı"), issuer.url + ":443", issuer.url.replace("e", "е"),
    ],
    ids=shown,
)  # fmt: skip
def test_an_iss_that_is_not_exactly_ours_is_refused(iss: Any) -> None:
    refused(issuer.token("alice", iss=iss), Reason.ISSUER)


AUD = issuer.audience


@pytest.mark.parametrize(
    "aud",
    [ABSENT, *JSON_TYPES, AUD + "/", AUD[:-1], AUD.upper(), [AUD + "/"], [AUD, 5], [AUD, None], [5, AUD], [[AUD]],
     {AUD: 1}, f"{AUD} {AUD}", f"{AUD},https://x", ["https://other.example"], AUD + "\0", [AUD, ["x"]], [AUD, {}]],
    ids=shown,
)  # fmt: skip
def test_an_aud_that_does_not_hold_ours_or_holds_anything_but_strings_is_refused(aud: Any) -> None:
    refused(issuer.token("alice", aud=aud), Reason.AUDIENCE)


@pytest.mark.parametrize("aud", [AUD, [AUD], ["https://other.example", AUD], [AUD, AUD], [AUD, ""]], ids=shown)
def test_an_aud_that_holds_ours_is_accepted(aud: Any) -> None:
    assert verify(issuer.token("alice", aud=aud)).subject == "alice"


def test_several_issuers_and_audiences_are_each_accepted() -> None:
    several = TokenVerifier(frozenset({issuer.url, "https://b"}), frozenset({AUD, "c"}), ALL_ALGORITHMS)
    assert verify(issuer.token("alice", iss="https://b", aud="c"), several).issuer == "https://b"
    refused(issuer.token("alice", iss="c", aud="https://b"), Reason.ISSUER, several)


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        "",
        "soon",
        str(int(NOW) + 60),
        [],
        [NOW + 60],
        {},
        {"n": 1},
        10**400,
        -(10**400),
        1e300,
        -1e300,
    ],
    ids=shown,
)
def test_a_time_that_is_no_ordinary_number_is_refused(name: str, value: Any) -> None:
    refused(issuer.token("alice", **{name: value}), Reason.CLAIMS)


@pytest.mark.parametrize(
    "text", ["1e999", "-1e999", "1e400", "1" + "0" * 400, "1e308e1", "0x10", "+5", "٣", "1_000", ".5", "5."]
)
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
def test_a_time_that_only_looks_like_a_number_is_refused(name: str, text: str) -> None:
    claims = issuer.claims()
    claims.pop(name, None)
    body = json.dumps(claims)[:-1] + f', "{name}": {text}}}'
    refused(issuer.sign_raw(issuer.header(), body.encode()))


@pytest.mark.parametrize("name", ["exp", "iat"])
def test_exp_and_iat_are_required(name: str) -> None:
    refused(issuer.token("alice", **{name: ABSENT}), Reason.CLAIMS)


def test_times_may_have_fractions_of_a_second() -> None:
    assert verify(issuer.token("alice", exp=NOW + 0.5, iat=NOW - 0.5, nbf=NOW + 1e-3)).subject == "alice"


@pytest.mark.parametrize("leeway", [0, 30, 300])
def test_a_token_counts_until_its_expiry_and_the_leeway_have_passed(leeway: int) -> None:
    verifier = TokenVerifier(VERIFIER.issuers, VERIFIER.audiences, ALL_ALGORITHMS, leeway=leeway)
    token = issuer.token("alice", exp=NOW + 100)
    for now in (NOW, NOW + 99 + leeway, NOW + 99.999 + leeway):
        assert verify(token, verifier, now).subject == "alice"
    for now in (NOW + 100 + leeway, NOW + 101 + leeway, NOW + 1e9):
        refused(token, Reason.EXPIRED, verifier, now)


@pytest.mark.parametrize("leeway", [0, 30, 300])
@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_token_does_not_count_before_its_time_less_the_leeway(name: str, leeway: int) -> None:
    verifier = TokenVerifier(VERIFIER.issuers, VERIFIER.audiences, ALL_ALGORITHMS, leeway=leeway)
    token = issuer.token("alice", **{name: NOW + 1000, "exp": NOW + 5000})
    for now in (NOW + 1000 - leeway, NOW + 1001):
        assert verify(token, verifier, now).subject == "alice"
    for now in (NOW, NOW + 999 - leeway, NOW + 999.99 - leeway):
        refused(token, Reason.NOT_YET_VALID, verifier, now)


def test_a_token_made_to_last_longer_than_allowed_is_refused() -> None:
    week = 604_800
    assert verify(issuer.token("alice", iat=NOW, exp=NOW + week)).subject == "alice"
    refused(issuer.token("alice", iat=NOW, exp=NOW + week + 1), Reason.LIFETIME)
    refused(issuer.token("alice", iat=0, exp=NOW + 10), Reason.LIFETIME)
    refused(issuer.token("alice", iat=-1e14, exp=NOW + 10), Reason.LIFETIME)


@pytest.mark.parametrize("cnf", [None, {}, {"jkt": "x"}, {"x5t#S256": "x"}, "x", False, []], ids=shown)
def test_a_token_bound_to_its_senders_key_is_no_bearer_token(cnf: Any) -> None:
    refused(issuer.token("alice", cnf=cnf), Reason.CONFIRMATION)


def test_a_token_with_another_fault_is_never_reported_as_merely_expired() -> None:
    # "Expired" is the reason that does not count against an address, so it must be the last thing found wrong.
    old = {"iat": NOW - 9000, "exp": NOW - 8000}
    for changes, reason in (
        ({"aud": "x"}, Reason.AUDIENCE),
        ({"iss": "x"}, Reason.ISSUER),
        ({"sub": ""}, Reason.SUBJECT),
        ({"nbf": "x"}, Reason.CLAIMS),
        ({"cnf": {}}, Reason.CONFIRMATION),
    ):
        refused(issuer.token(**{"sub": "alice", **old, **changes}), reason)
    refused(issuer.token("alice", **old), Reason.EXPIRED)


def test_a_handler_cannot_change_what_a_cached_identity_says() -> None:
    identity = verify(issuer.token("alice"))
    with pytest.raises(AttributeError):
        identity.subject = "mallory"  # type: ignore[misc]  # this is what must fail
    with pytest.raises(TypeError):
        identity.claims["sub"] = "mallory"  # type: ignore[index]  # likewise


@pytest.mark.parametrize("name", [None, 5, "", [], ABSENT])
def test_a_display_name_that_is_no_name_falls_back_to_the_subject(name: Any) -> None:
    assert verify(issuer.token("alice", name=name)).display_name == "alice"


def test_the_bounds_a_verified_identity_carries_are_exactly_the_verifiers() -> None:
    # Also where floating point rounds: a leeway that no binary fraction is, and the bit that falls off in 2038.
    for leeway in (0, 30, 0.1, 0.7, 299.9):
        verifier = TokenVerifier(VERIFIER.issuers, VERIFIER.audiences, ALL_ALGORITHMS, leeway=leeway)
        for start in (NOW + 0.1, NOW + 1 / 3, 2.0**31 - 29, 2.0**31 + math.pi, 4.3):
            token = parse(issuer.token("alice", iat=start, nbf=start + 0.3, exp=start + 60.7))
            identity = verifier.verify(token, KEY, start + 1)
            for edge in (identity.valid_from, identity.valid_until):
                for now in (math.nextafter(edge, 0), edge, math.nextafter(edge, 9e99)):
                    assert accepted(verifier, token, now) == (identity.valid_from <= now < identity.valid_until)


def accepted(verifier: TokenVerifier, jws: Jws, now: float) -> bool:
    try:
        verifier.verify(jws, KEY, now)
    except InvalidToken:
        return False
    return True


def test_the_key_set_of_the_tests_is_a_key_set() -> None:
    assert len(KeySet.parse(json.dumps(issuer.jwks()).encode())) == 1


async def test_every_refusal_has_a_reason_and_a_detail_for_the_log() -> None:
    async with world(leeway=0) as w:
        now = int(w.clock.wall())
        good = w.issuer.token("alice")
        refused = {
            "expired": w.issuer.token("alice", iat=now - 900, exp=now - 75),
            "lifetime": w.issuer.token("alice", iat=now, exp=now + 10_000_000),
            "not_yet_valid": w.issuer.token("alice", iat=now + 40),
            "claims": w.issuer.token("alice", iat="yesterday"),
            "signature": w.issuer.token("alice", key=SigningKey.new(kid=w.issuer.signer.kid)),
            "algorithm": w.issuer.token("alice", header={"alg": "none"}),
            "issuer": w.issuer.token("alice", iss="https://elsewhere.example"),
            "audience": w.issuer.token("alice", aud="https://elsewhere.example"),
            "shape": good + "é",
        }
        for reason, token in refused.items():
            with pytest.raises(InvalidToken) as refusal:
                await w.ask(token)
            assert str(refusal.value.reason) == reason
            assert len(refusal.value.detail) > 8
        with pytest.raises(InvalidToken) as expired:
            await w.ask(refused["expired"])
        assert expired.value.detail == "expired 75 seconds ago"


@pytest.mark.parametrize("kid", [7, ["a"], {"a": 1}, True])
async def test_a_kid_that_is_no_string_is_not_logged(kid: Any) -> None:
    async with world() as w:
        with pytest.raises(InvalidToken) as refusal:
            await w.ask(w.issuer.token("alice", header={"kid": kid}))
        assert refusal.value.kid is None
