"""The credentials in raw header fields (RFC 6750 §2.1, RFC 9449 §7.1, RFC 9110 §11.6.2)."""

from collections.abc import Collection, Iterable

from tokenward.errors import InvalidToken, MalformedRequest, MissingToken, Reason

_BEARER = (b"bearer",)


def bearer_token(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The one bearer token of a request. Header names are lower case, as in ASGI.

    Raises MissingToken, MalformedRequest for two Authorization headers, InvalidToken for bytes that no token has.
    """
    found: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            if found is not None:
                raise MalformedRequest
            found = value
    return scheme_and_token(found)[1]


def scheme_and_token(value: bytes | None, schemes: Collection[bytes] = _BEARER) -> tuple[bytes, str]:
    """An Authorization header's scheme, in lower case and one of ``schemes``, and its token. Raises as above."""
    if value is None:
        raise MissingToken
    scheme, _, token = value.strip().partition(b" ")
    scheme, token = scheme.lower(), token.strip()
    if scheme not in schemes or not token:
        raise MissingToken
    try:
        return scheme, token.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidToken(Reason.SHAPE, "not ASCII") from None
