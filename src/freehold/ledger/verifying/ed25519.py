"""Ed25519, RFC 8032."""

from __future__ import annotations

import functools
import hashlib

from freehold.ledger.verifying.basics import HASH

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_SQRT_M1 = pow(2, (_P - 1) // 4, _P)
Point = tuple[int, int, int, int]  # extended coordinates X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z
_NEUTRAL: Point = (0, 1, 1, 0)


def _add(p: Point, q: Point) -> Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _decompress(data: bytes) -> Point | None:
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if v * x * x % _P != u:
        x = x * _SQRT_M1 % _P
    if v * x * x % _P != u or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return (x, y, 1, x * y % _P)


def _compress(p: Point) -> bytes:
    inverse = pow(p[2], _P - 2, _P)
    x, y = p[0] * inverse % _P, p[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _windows(point: Point) -> list[list[Point]]:
    """Multiples 0 to 15 of the point, times 16 to the power 0 to 63."""
    table = []
    for _ in range(64):
        row = [_NEUTRAL]
        for _ in range(15):
            row.append(_add(row[-1], point))
        table.append(row)
        point = _add(row[-1], point)
    return table


def _times(table: list[list[Point]], scalar: int) -> Point:
    total = _NEUTRAL
    for row in table:
        if scalar & 15:
            total = _add(total, row[scalar & 15])
        scalar >>= 4
    return total


@functools.lru_cache(maxsize=1)
def _base_point() -> list[list[Point]]:
    point = _decompress((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))
    if point is None:
        raise AssertionError("the base point lies on the curve")
    return _windows(point)


@functools.lru_cache(maxsize=64)
def _minus_key(public: bytes) -> list[list[Point]] | None:
    point = _decompress(public) if len(public) == HASH else None
    if point is None:
        return None
    return _windows((_P - point[0], point[1], 1, _P - point[3]))


def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature holds (RFC 8032, 5.1.7, without the cofactor), in pure Python."""
    table = _minus_key(public)
    scalar = int.from_bytes(signature[32:], "little")
    if table is None or len(signature) != 64 or scalar >= _L:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % _L
    return (
        _compress(_add(_times(_base_point(), scalar), _times(table, challenge))) == signature[:32]
    )


def signature_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether it holds, by ``cryptography`` where that is installed: it is faster."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return ed25519_verify(public, message, signature)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
