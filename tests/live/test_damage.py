"""Damage strikes stored bytes of the storm and nothing else, whatever a server puts in their place."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, cast

import pytest

from patchstorm.history import Recorder
from patchstorm.history.events import Damage as Damaged
from patchstorm.live.damage import Damage
from patchstorm.run.script import header_of
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.library import load
from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.target.places import Places
from patchstorm.target.registry import resolve

VICTIM = b"nobody's business " * 100
WAYS = ("removed", "cut", "flipped")


class Setting:
    """A storm's storage with one stored chunk, and a file outside of it."""

    def __init__(self, folder: Path) -> None:
        target = resolve("reference")
        plan: Plan = draw_plan(load("damage"), seed=1, index=0, capabilities=target.capabilities)
        header = header_of(plan, target, world="processes", storage="tmpfs", clock="monotonic")
        self.recorder = Recorder(header, io.BytesIO())
        self.view = folder / "root"
        self.chunk = self.view / ".upload/session/chunks/chunk_0.dat"
        self.chunk.parent.mkdir(parents=True)
        self.victim = folder / "victim"
        self.victim.write_bytes(VICTIM)
        places = Places(target, tuple(upload.info for upload in plan.uploads))
        places.stored = lambda path: (plan.uploads[0].id, 0)  # type: ignore[method-assign]
        self.fault = next(one for one in plan.world_faults if one.kind == "damage")
        self.damage = Damage(plan, places, cast(Any, self), self.recorder)

    def strike(self, way: str) -> None:
        options = {**self.fault.options, "path": "**/*.dat", "way": way}
        fault = cast(FaultPlan, self.fault.__class__(**{**as_dict(self.fault), "options": options}))
        self.damage.strike(fault)

    @property
    def damaged(self) -> bool:
        return any(isinstance(one, Damaged) for one in self.recorder.records)


def as_dict(fault: FaultPlan) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in fault.__struct_fields__}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("planted", ["chunk", "directory"])
def test_damage_follows_no_link(tmp_path: Path, way: str, planted: str) -> None:
    setting = Setting(tmp_path)
    if planted == "chunk":
        setting.chunk.symlink_to(setting.victim)
    else:
        setting.chunk.parent.rmdir()
        setting.chunk.parent.symlink_to(tmp_path)
        (tmp_path / "chunk_0.dat").write_bytes(VICTIM)
    setting.strike(way)
    assert setting.victim.read_bytes() == VICTIM
    if planted == "directory":
        assert (tmp_path / "chunk_0.dat").read_bytes() == VICTIM
    assert not setting.damaged
    assert len(setting.damage.missed) == 1


@pytest.mark.parametrize("way", WAYS)
def test_damage_to_a_stored_file_is_done_and_written_down(tmp_path: Path, way: str) -> None:
    setting = Setting(tmp_path)
    setting.chunk.write_bytes(VICTIM)
    setting.strike(way)
    assert not setting.chunk.exists() or setting.chunk.read_bytes() != VICTIM
    assert setting.damaged
