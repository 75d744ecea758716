"""Random numbers without a memory: each is a hash of what it belongs to.

A generator with hidden state would give other numbers after a restart, or when another instrument is asked first. Here
the number for (seed, names, index) is always the same, in any process and in any order (BLAKE2b, RFC 7693, as the
hash).
"""

from __future__ import annotations

import hashlib
import math
import struct

_SCALE = 2.0**-64
_INDEX = struct.Struct(">q")
_PAIR = struct.Struct(">QQ")


class RandomStream:
    """The random numbers that belong to `names` under `seed`, addressed by an integer index."""

    __slots__ = ("_keyed",)

    def __init__(self, seed: int, *names: str) -> None:
        key = hashlib.blake2b("\x1f".join((str(seed), *names)).encode(), digest_size=32).digest()
        self._keyed = hashlib.blake2b(key=key, digest_size=16)

    def _pair(self, index: int) -> tuple[float, float]:
        digest = self._keyed.copy()
        digest.update(_INDEX.pack(index))
        first, second = _PAIR.unpack(digest.digest())
        return (first + 0.5) * _SCALE, (second + 0.5) * _SCALE

    def uniform(self, index: int) -> float:
        """A number between 0 and 1 (neither included, up to rounding)."""
        return self._pair(index)[0]

    def gauss(self, index: int) -> float:
        """A number from the standard normal distribution (Box and Muller, 1958)."""
        first, second = self._pair(index)
        return math.sqrt(-2.0 * math.log(first)) * math.cos(2.0 * math.pi * second)
