"""Whether a target can be simulated: tried with one small storm, in its plainest order."""

from __future__ import annotations

from typing import Final

import msgspec

from patchstorm.errors import OtherPythonError, PatchstormError
from patchstorm.target.model import Target

STORM: Final = "sequential"


class Simulable(msgspec.Struct, frozen=True, kw_only=True):
    """What came of trying. ``can``: the storm ran to its end, whatever its verdict."""

    can: bool
    says: str

    @property
    def line(self) -> str:
        """For people."""
        return f"simulated: {self.says}" if self.can else f"cannot be simulated: {self.says}"


def simulable(target: Target) -> Simulable | None:
    """Whether the server that ``[simulate]`` names runs in the simulator; None without that table."""
    from patchstorm.campaign.ran import run_and_judge
    from patchstorm.choice.strategy import Dull
    from patchstorm.scenario.draw import draw_plan
    from patchstorm.scenario.library import load
    from patchstorm.worlds.sim.app import subject_of
    from patchstorm.worlds.sim.scale import scaled
    from patchstorm.worlds.sim.workers import pool

    if target.simulate is None:
        return None
    plan = draw_plan(
        load(STORM), seed=1, index=0, capabilities=target.capabilities, storage="tmpfs"
    )
    try:
        ran = run_and_judge(scaled(plan), subject_of(target), Dull(), pool())
    except OtherPythonError:
        raise
    except PatchstormError as error:
        return Simulable(can=False, says=str(error))
    found = "".join(f"; {one.checker}: {one.summary}" for one in ran.findings[:1])
    return Simulable(
        can=True,
        says=f"yes; the storm {STORM} took {ran.outcome.steps} steps and was {ran.verdict}{found}",
    )
