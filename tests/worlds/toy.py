"""A world of one file: nobody answers any request, and nothing is ever published."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from patchstorm.history.model import Final
from patchstorm.history.recorder import Recorder
from patchstorm.run.outcome import Outcome
from patchstorm.run.script import header_of
from patchstorm.scenario.faults import OF_REQUESTS
from patchstorm.scenario.means import Means
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target
from patchstorm.worlds.base import Row, World


class Desert(World):
    """The world ``desert``."""

    name = "desert"
    says = "nobody is there"

    def means(self) -> Means:
        return Means(faults=OF_REQUESTS | {"short-read"})

    def storages(self) -> Mapping[str, str]:
        return {"tmpfs": "sand"}

    async def run(self, plan: Plan, target: Target, *, out_dir: Path, shared: Any) -> Outcome:
        recorder = Recorder(
            header_of(plan, target, world=self.name, storage="tmpfs", clock="monotonic")
        )
        for upload in plan.uploads:
            recorder.invoke(time_ns=1, client="nobody", kind="create", upload=upload.id)
            recorder.add(Final(upload=upload.id, present=False))
        return Outcome(log_dir=out_dir, history=recorder.history(), notes=("it was quiet",))

    async def doctor(self) -> AsyncIterator[Row]:
        yield Row("world desert", "yes", "there is sand everywhere")
