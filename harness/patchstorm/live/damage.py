"""Destroys stored bytes on purpose, and writes down first which bytes of which upload they were."""

from __future__ import annotations

import os
import random
import time

from patchstorm.errors import UnreadableError
from patchstorm.history import Recorder, events
from patchstorm.live import beneath, tree
from patchstorm.live.storage import Storage
from patchstorm.run.damage import LENGTH_MAX_BYTES
from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.target.patterns import matches
from patchstorm.target.places import Places


class Damage:
    """Spoils one stored file of a known upload, chosen by the plan's seed."""

    def __init__(self, plan: Plan, places: Places, storage: Storage, recorder: Recorder) -> None:
        self.missed: dict[str, str] = {}
        """By fault, why it hit nothing."""
        self._places = places
        self._storage = storage
        self._recorder = recorder
        self._random = random.Random(f"{plan.scenario}/{plan.seed}/{plan.index}/damage")

    def strike(self, fault: FaultPlan) -> None:
        """Carry ``fault`` out. Where nothing is stored yet it is noted in ``missed``."""
        pattern = str(fault.options.get("path", "**"))
        stored = [
            path
            for path in tree.paths(self._storage.view)
            if matches(path, (pattern,)) and self._places.stored(path) is not None
        ]
        if not stored:
            self.missed[fault.id] = (
                f"fault {fault.id}: no stored bytes at `{pattern}`; nothing damaged"
            )
            return
        path = self._random.choice(stored)
        try:
            self._destroy(path, fault)
        except UnreadableError as error:
            self.missed[fault.id] = f"fault {fault.id}: nothing damaged: {error}"

    def _destroy(self, path: str, fault: FaultPlan) -> None:
        """The whole file's range is written down: a store gives up a chunk, not single bytes."""
        owner = self._places.stored(path)
        with beneath.opened(self._storage.view, path, os.O_RDWR) as file:
            size = 0 if file is None else os.fstat(file).st_size
            if file is None or owner is None or size == 0:
                return
            self._spoil(path, file, size, owner, fault)

    def _spoil(
        self, path: str, file: int, size: int, owner: tuple[str, int], fault: FaultPlan
    ) -> None:
        upload, offset = owner
        self._recorder.add(
            events.Damage(time_ns=time.monotonic_ns(), upload=upload, offset=offset, length=size)
        )
        at, way = self._random.randrange(size), fault.options.get("way")
        if way == "removed":
            beneath.removed(self._storage.view, path)
        elif way == "cut":
            os.ftruncate(file, at)
        else:
            _overwrite(file, at, min(int(fault.options.get("length", 1)), LENGTH_MAX_BYTES))


def _overwrite(file: int, offset: int, length: int) -> None:
    """Every byte becomes another one."""
    old = os.pread(file, length, offset)
    os.pwrite(file, bytes(byte ^ 0xFF for byte in old), offset)
