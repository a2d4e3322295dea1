"""portfolio: which strategy decides schedule ``index``. The default takes a little of each.

No single strategy finds every bug (Thomson, Donaldson and Betts, ACM TOPC 2016), and which one will is
not known beforehand; a mixture loses at most its number of members as a factor. The first schedule is
always the dull one: a storm that fails without a single deviation is told at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from patchstorm.choice.crash_points import CrashPoints, crash_of, strikes_of
from patchstorm.choice.delay_bounded import DelayBounded, delays_of
from patchstorm.choice.pct import Pct
from patchstorm.choice.pos import Pos
from patchstorm.choice.prng import Prng
from patchstorm.choice.random_walk import RandomWalk
from patchstorm.choice.standing import Standing
from patchstorm.choice.strategy import Dull, Strategy
from patchstorm.errors import UsageError

NAMES = ("portfolio", "random-walk", "pct", "pos", "standing", "delay-bounded", "crash-points")
ONE_PLAN = ("delay-bounded", "crash-points")
"""Strategies that enumerate the schedules of one plan, that of index 0."""

DULL = "dull"
CRASH_SAMPLED = "crash-sampled"
STANDING = "standing"
_TURNS = (
    "random-walk", "pct", "random-walk", "pos", "delay-sampled", "random-walk", "pct", CRASH_SAMPLED,
)  # fmt: skip
TURNS = len(_TURNS)
_STANDING = (4, 6)
"""The turns that are :data:`STANDING`'s where somebody can be made to stand still."""
_SOON_STEPS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What strategies know of the storm. ``length``: the steps of its dull run; and which strikes
    the storm's faults and the storage allow. ``stands``: time is virtual, and anybody can stand still."""

    length: int
    crash: bool = False
    power_host: bool = False
    power_storage: bool = False
    stands: bool = False

    @property
    def rounds(self) -> tuple[tuple[int, int], ...]:
        return strikes_of(self.crash, self.power_host, self.power_storage)


def check_name(name: str, *, stands: bool = True) -> None:
    """UsageError for a strategy that there is not, or that needs virtual time where nobody ``stands``."""
    if name not in NAMES:
        raise UsageError(f"--strategy {name}: there is no such strategy. Known: {', '.join(NAMES)}")
    if name == STANDING and not stands:
        raise UsageError(
            f"--strategy {name}: lets virtual time pass, which only --world sim has; leave --world out, or "
            "take another strategy"
        )


def strategy_for(name: str, index: int, prng: Prng, hints: Hints) -> Strategy:
    """The strategy of schedule ``index``; a function of its arguments alone."""
    return _made(member(name, index, hints), index, prng, hints)


def member(name: str, index: int, hints: Hints) -> str:
    """What decides schedule ``index`` by name: the portfolio's member, or the strategy itself."""
    if name != "portfolio":
        return name
    place = index % TURNS
    if hints.stands and place in _STANDING:
        return STANDING
    turn = DULL if index == 0 else _TURNS[place]
    return "random-walk" if turn == CRASH_SAMPLED and not hints.rounds else turn


def _made(name: str, index: int, prng: Prng, hints: Hints) -> Strategy:
    if name == DULL:
        return Dull()
    if name == "pct":
        return Pct(prng, depth=2 + prng.below(4), length=hints.length)
    if name == "pos":
        return Pos(prng)
    if name == STANDING:
        return Standing(prng, times=4 << prng.below(4))
    if name == "delay-bounded":
        return DelayBounded(delays_of(index, hints.length))
    if name == "delay-sampled":
        count = 1 + prng.below(3)
        return DelayBounded(sorted(1 + prng.below(max(1, hints.length)) for _ in range(count)))
    if name == "crash-points":
        return _crash(index, prng, hints)
    if name == CRASH_SAMPLED:
        return _sampled_crash(prng, hints)
    return RandomWalk(prng)


def _crash(index: int, prng: Prng, hints: Hints) -> Strategy:
    rounds = hints.rounds or strikes_of(True, False, False)
    found = crash_of(index, hints.length, rounds)
    if found is None:
        return _sampled_crash(prng, hints)
    at, strike, variant = found
    return CrashPoints(Dull(), points=((at, strike),), variant=variant, prng=None)


def _sampled_crash(prng: Prng, hints: Hints) -> Strategy:
    rounds = hints.rounds or strikes_of(True, False, False)
    base: Strategy = RandomWalk(prng) if prng.below(2) else Dull()
    at = 1 + prng.below(max(1, hints.length))
    points = [(at, _strike(prng, rounds))]
    if prng.below(3) == 0:
        points.append((at + prng.gap(_SOON_STEPS), _strike(prng, rounds)))
    return CrashPoints(base, points=points, variant=0, prng=prng)


def _strike(prng: Prng, rounds: Sequence[tuple[int, int]]) -> int:
    return rounds[prng.below(len(rounds))][0]
