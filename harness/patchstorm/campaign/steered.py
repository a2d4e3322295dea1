"""The steering of one exploration, round by round: what each schedule met, and what that makes of the next
rounds.

A round's plans depend on the whole rounds before it. So a round is drawn once all of those are through; one
that nobody knows the past of is drawn as if nothing had met yet, which is what a patrol does, whose parts
run apart.
"""

from __future__ import annotations

from patchstorm.scenario.composing.features import Pair
from patchstorm.scenario.composing.steering import BLANK, Steering


class Steered:
    """Without a ``round``, a number of schedules, nothing is learnt: every plan is like one of the first
    round, which ``before`` steers."""

    def __init__(self, round_: int | None = None, before: Steering = BLANK) -> None:
        self.round = round_
        self._rounds: dict[int, Steering] = {0: before}
        self._told: dict[int, dict[int, tuple[Pair, ...]]] = {}

    def of(self, index: int) -> Steering:
        """What steers schedule ``index``."""
        return BLANK if self.round is None else self._rounds.get(index // self.round, BLANK)

    def take(self, index: int, met: tuple[Pair, ...]) -> None:
        """What schedule ``index`` met. The last of a round settles the next."""
        if self.round is None:
            return
        number = index // self.round
        told = self._told.setdefault(number, {})
        told[index] = met
        if len(told) == self.round and number in self._rounds:
            self._rounds[number + 1] = self._rounds[number].after(told.values())
            del self._told[number]

    def given(self, round_: int, number: int, met: tuple[tuple[Pair, int], ...]) -> None:
        """What steers round ``number``, where another process knows it."""
        self.round = round_
        known = self._rounds.get(number)
        if (
            known is None or known.items() != met
        ):  # a first round may begin with what seeds have met
            self._rounds = {number: Steering(met)}
