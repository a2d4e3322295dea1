"""A run watched for a page: the line of the store behind each step, and what caches held that was not so."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

from patchstorm.choice.strategy import Footprint
from patchstorm.run.truth import ROOT
from patchstorm.storage.beliefs import Belief, beliefs
from patchstorm.storage.server import Server
from patchstorm.worlds.sim.agenda import STEP_NS
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.stepping import place_in_store
from patchstorm.worlds.sim.tracing import Trace
from patchstorm.worlds.sim.watched import Detail

LOOKS_MAX: Final = 20_000
"""So many steps are looked at; looking costs as much as there are files and hosts."""


class CloseUp(Trace):
    """``places`` has a line of source for each record; ``held``, by number of the record, what a replica's
    host held from then on that was not so.
    """

    def __init__(self, phases: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(phases)
        self.places: list[str] = []
        self.held: list[tuple[int, int, tuple[str, ...]]] = []
        self._last: dict[str, tuple[str, ...]] = {}
        self._storage: Server | None = None

    def attach(self, kernel: Kernel, storage: Server) -> None:
        super().attach(kernel, storage)
        self._storage = storage

    def after(
        self, replica: int, footprint: Footprint, path: str, detail: Detail, result: object
    ) -> None:
        count = len(self.records)
        super().after(replica, footprint, path, detail, result)
        if len(self.records) == count:
            return  # the trace is full
        self.places.append(self.records[-1].place or place_in_store(sys._getframe(1)))
        if count < LOOKS_MAX and self._storage is not None:
            self._look(self._storage, count)

    def _look(self, storage: Server, number: int) -> None:
        now_ns = storage.clock.now_ns
        for host, found in beliefs(storage).items():
            replica = host.removeprefix("replica-")
            if not replica.isdecimal():
                continue  # the harness's own mount
            said = tuple(sorted(_said(one, now_ns) for one in found))
            if said != self._last.get(host, ()):
                self._last[host] = said
                self.held.append((number, int(replica), said))


def _said(belief: Belief, now_ns: int) -> str:
    path = belief.path.removeprefix(f"{ROOT}/")
    if not belief.until_ns:
        return f"{path}: {belief.says}"
    if belief.until_ns <= now_ns:
        return f"{path}: {belief.says}; asks before it goes by that"
    return f"{path}: {belief.says}, until step {belief.until_ns // STEP_NS}"
