"""Just enough of edwards25519 to build signatures that no honest signer makes (RFC 8032 §5.1; for tests only)."""

from __future__ import annotations

import hashlib
import itertools

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int]
NEUTRAL: Point = (0, 1)


def recover(y: int, sign: int) -> Point | None:
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * SQRT_M1 % P
    if v * x * x % P != u:
        return None
    return (x if x & 1 == sign else -x % P), y % P


def add(a: Point, b: Point) -> Point:
    k = D * a[0] * b[0] * a[1] * b[1]
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + k, P - 2, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, P - 2, P)
    return x % P, y % P


def times(n: int, a: Point) -> Point:
    """n times the point, in extended coordinates (RFC 8032 §5.1.4): one inversion instead of hundreds."""
    result, power = (0, 1, 1, 0), (a[0], a[1], 1, a[0] * a[1] % P)
    while n:
        if n & 1:
            result = _sum(result, power)
        power, n = _sum(power, power), n >> 1
    inverse = pow(result[2], P - 2, P)
    return result[0] * inverse % P, result[1] * inverse % P


def _sum(p: tuple[int, int, int, int], q: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def encode(a: Point) -> bytes:
    return (a[1] | (a[0] & 1) << 255).to_bytes(32, "little")


def challenge(r: bytes, a: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + a + message).digest(), "little") % L


def _base() -> Point:
    point = recover(4 * pow(5, P - 2, P) % P, 0)
    assert point is not None
    return point


def _order_8() -> Point:
    """The part of order 8 of some point that has one."""
    for y in itertools.count(3):
        point = recover(y, 0)
        if point is not None:
            torsion = times(L, point)
            if times(4, torsion) != NEUTRAL:
                return torsion
    raise AssertionError


BASE = _base()
TORSION = _order_8()
SMALL = [times(n, TORSION) for n in range(8)]
"""All eight points of small order."""


def signature(r: bytes, s: int) -> bytes:
    return r + s.to_bytes(32, "little")
