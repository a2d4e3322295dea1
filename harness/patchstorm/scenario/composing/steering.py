"""Which pairs have met, and which a storm is drawn for next: those that have met least.

Steering goes in rounds of as many schedules as the storm says. What a round draws depends on the seed and
on what the whole rounds before it met, and on nothing else: not on how many processes ran them, nor on
which was through first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from patchstorm.scenario.composing.features import Pair, pairs

RARE_SHARE = 4  # of the pairs, those that have met least: one in so many

Tiers = tuple[tuple[Pair, ...], ...]


class Steering:
    """What the rounds so far have met; it answers with what is rare."""

    def __init__(self, met: Iterable[tuple[Pair, int]] = ()) -> None:
        self.met: Counter[Pair] = Counter(dict(met))
        self._tiers: dict[tuple[str, ...], Tiers] = {}

    def items(self) -> tuple[tuple[Pair, int], ...]:
        """What another process needs to know."""
        return tuple(self.met.items())

    def tiers(self, among: tuple[str, ...]) -> Tiers:
        """The pairs of these features that have met least, the rarest quarter, and all of them.

        What has never met may hardly be able to; so it is not all that is looked for.
        """
        if among not in self._tiers:
            every = pairs(among)
            counts = sorted(self.met[pair] for pair in every)
            bounds = (counts[0], counts[len(counts) // RARE_SHARE])
            rare = (tuple(one for one in every if self.met[one] <= bound) for bound in bounds)
            self._tiers[among] = (*rare, every)
        return self._tiers[among]

    def after(self, rounds: Iterable[Iterable[Pair]]) -> Steering:
        """What steers once these schedules have been run, too."""
        met = Counter(self.met)
        for schedule in rounds:
            met.update(schedule)
        return Steering(met.items())


BLANK = Steering()
"""What steers where nothing is known to have met."""
