"""Brings about a plan's faults, and those that a strategy thinks of, and takes every one of them back.

What a fault does is its deed (:mod:`patchstorm.scenario.faults`); here it is begun between two calls and
carried on by a task. Begin and end are written to the history as ``fault`` events.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from patchstorm.history.recorder import Recorder
from patchstorm.live.carrying import Deeds
from patchstorm.run.strikes import hit_by, note, sudden
from patchstorm.run.triggers import Seen
from patchstorm.scenario.plan import FaultPlan
from patchstorm.worlds.fuse.abilities import Abilities


class Faults(Deeds):
    """The faults of one run."""

    def __init__(self, abilities: Abilities, recorder: Recorder, stamp: Callable[[], int]) -> None:
        super().__init__(abilities)
        self._abilities = abilities
        self._recorder = recorder
        self._stamp = stamp
        self._sudden = 0

    def strike(self, fault: FaultPlan, seen: Seen) -> None:
        """Begin ``fault`` now."""
        count, local = len(self._abilities.conductor.members), self._abilities.local
        hit = hit_by(fault, count, lambda: seen.replica, one_machine=local)
        noted = partial(note, self._recorder, fault, hit, seen.path, self._stamp)
        noted()
        self.begin(fault, hit, lambda: noted(ends=True))

    def sudden(self, strike: int, replica: int) -> None:
        """A strike that a strategy chose and no plan has."""
        self._sudden += 1
        self.strike(sudden(self._sudden, strike, replica), Seen(replica))
