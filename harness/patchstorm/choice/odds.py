"""How often a run takes each kind of choice that is not about order: drawn once a run, per kind.

Swarm testing (Groce, Zhang, Eide, Chen and Regehr, ISSTA 2012): runs that leave whole features out
find what runs with a little of everything do not. So a kind is off, rare or frequent for a whole
run, and each run draws anew.
"""

from __future__ import annotations

from patchstorm.choice.prng import Prng

_PERMILLE = (0, 30, 125, 500)


class Odds:
    """The odds of one run."""

    __slots__ = ("_permille", "_prng")

    def __init__(self, prng: Prng) -> None:
        self._prng = prng
        self._permille: dict[str, int] = {}

    def value(self, kind: str, n: int) -> int:
        """0, or with the kind's odds any other alternative."""
        permille = self._permille.get(kind)
        if permille is None:
            permille = self._permille[kind] = _PERMILLE[self._prng.below(len(_PERMILLE))]
        if not permille or n < 2 or not self._prng.chance(permille):
            return 0
        return 1 + self._prng.below(n - 1)
