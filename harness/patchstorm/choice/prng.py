"""A small, fast generator of pseudo-random integers, fixed to the bit.

A linear congruential generator modulo 2**64 with Knuth's multiplier (MMIX; The Art of Computer
Programming, volume 2, 3.3.4), of which only the high bits are used: one multiplication a draw.
Strategies draw tens of numbers in each of hundreds of schedules a second; the keyed SHA-256 of
:mod:`patchstorm.choice.chooser` would be the most expensive thing they do. The state is derived from
the same kind of material, so one seed still means one schedule everywhere.
"""

from __future__ import annotations

import hashlib

_MASK = (1 << 64) - 1
_FACTOR = 6364136223846793005
_TERM = 1442695040888963407
_QUANTILES, _FINE_BITS, _UNIT_BITS = 256, 8, 16
_FINE_MASK = (1 << _FINE_BITS) - 1
_HALF = 1 << _UNIT_BITS - 1


def _exponential() -> tuple[int, ...]:
    """-ln(1 - i/256) in units of 2**-16, by the midpoint rule over 1/x.

    In integers, since the last bit of a logarithm differs between C libraries.
    """
    values = [0]
    for i in range(_QUANTILES):
        values.append(values[-1] + (2 << _UNIT_BITS) // (2 * (_QUANTILES - i) - 1))
    return tuple(values)


_EXPONENTIAL = _exponential()


class Prng:
    """A stream of integers; equal material gives equal streams in every process."""

    __slots__ = ("_state",)

    def __init__(self, *material: str | int) -> None:
        text = "\x1f".join(f"{type(item).__name__}:{item}" for item in material)
        self._state = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")

    def bits(self) -> int:
        """48 bits; two draws, since the low bits of a state are poor."""
        return (self.below(1 << 24) << 24) | self.below(1 << 24)

    def below(self, n: int) -> int:
        """One of ``range(n)``; n is at least 1 and far below 2**32, so the bias cannot be seen."""
        self._state = state = (self._state * _FACTOR + _TERM) & _MASK
        return ((state >> 32) * n) >> 32

    def chance(self, permille: int) -> bool:
        """True in ``permille`` of a thousand cases."""
        return self.below(1000) < permille

    def gap(self, mean: int) -> int:
        """A waiting time of at least 1 whose mean is ``mean``: exponential, by inversion in integers."""
        if mean <= 1:
            return 1
        place = self.below(_QUANTILES << _FINE_BITS)
        step = place >> _FINE_BITS
        low, high = _EXPONENTIAL[step], _EXPONENTIAL[step + 1]
        fine = low + ((high - low) * (place & _FINE_MASK) >> _FINE_BITS)
        return 1 + ((mean - 1) * fine + _HALF >> _UNIT_BITS)

    def shuffled(self, count: int) -> list[int]:
        """The integers of ``range(count)`` in random order (Fisher and Yates)."""
        items = list(range(count))
        for i in range(count - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]
        return items
