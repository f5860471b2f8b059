"""The check of Ed25519 public keys (RFC 8032 §5.1.3)."""

_P = 2**255 - 19
_D = -121665 * pow(121666, _P - 2, _P) % _P

#: y of the points of order 1, 2, 4 and 8. With such a key, anybody can make signatures that verify.
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _P - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)


def check_public_key(encoded: bytes) -> None:
    """Raises ValueError unless these bytes are the canonical encoding of a curve point that is not of small order.

    cryptography accepts any 32 bytes and fails only when it verifies.
    """
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    if y >= _P:
        raise ValueError("not a canonical point")
    if y in _SMALL_ORDER_Y:
        raise ValueError("a point of small order")
    x_squared = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    if pow(x_squared, (_P - 1) // 2, _P) != 1:
        raise ValueError("not a point on the curve")
