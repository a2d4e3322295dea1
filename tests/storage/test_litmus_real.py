"""The local litmus programs on real file systems of this machine, real processes as hosts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from patchstorm.live.litmus.bench import Bench
from patchstorm.live.litmus.stand import LocalStand
from patchstorm.storage.litmus.catalogue import PROGRAMS
from patchstorm.storage.litmus.program import OF_DISKS, tags, verbs
from patchstorm.storage.litmus.runner import Outcome, run_model

LOCAL = [
    program
    for program in PROGRAMS.values()
    if program.real
    and {"tmpfs", "ext4"} <= set(program.runs_on)
    and not any(step.commands.startswith("sleep") for step in program.steps)
    and not verbs(program) & OF_DISKS
]


def _judge(directory: Path, flavour: str) -> None:
    async def run() -> list[Outcome]:
        async with Bench(LocalStand(directory)) as bench:
            return [await bench.run(program) for program in LOCAL]

    for program, outcome in zip(LOCAL, asyncio.run(run()), strict=True):
        for step, value in zip(program.steps, outcome, strict=True):
            assert step.permits(value, tags(flavour, False)), (program.name, step, value)
        produced = run_model(program, flavour)
        assert produced.has(outcome), (program.name, outcome)


@pytest.mark.slow
def test_tmpfs_does_what_the_model_says(tmpfs_directory: Path) -> None:
    _judge(tmpfs_directory, "tmpfs")


@pytest.mark.slow
def test_ext4_does_what_the_model_says(ext4_directory: Path) -> None:
    _judge(ext4_directory, "ext4")
