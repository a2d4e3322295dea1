"""Small storms, and the small server that they are run against."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from patchstorm.live.storage import UnavailableStorage
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.schema import parse
from patchstorm.target.load import parse_target
from patchstorm.target.model import Target
from patchstorm.worlds.fuse.choosing import Deciding, Repeating
from patchstorm.worlds.fuse.outcome import FuseOutcome
from patchstorm.worlds.fuse.run import run_conducted

HERE = Path(__file__).parent
STORM = """
title = "Two contents for the same bytes"
why = "The smallest storm in which an order matters."
{closing}
[fleet]
replicas = {replicas}
{fleet}
[[upload]]
size = "{size}"
chunk = "{chunk}"
[[client]]
kind = "{kind}"
{faults}
"""


def target_text(mood: str, *, stateless: bool = False) -> str:
    return f"""
        name = "mini-{mood}"
        capabilities = ["sequential", "creation", "completes-unattended", "survives-power-loss"]
        [start]
        command = ["{{python}}", "-I", "-S", "{{here}}/mini.py", "{{root}}", "{{port}}", "{mood}"]
        missing = "It is a part of the tests."
        stateless = {str(stateless).lower()}
        [ready]
        by = "http"
        [wire]
        path = "/files"
        [files]
        published = "{{id}}"
        internal = ["*.said", "*.busy"]
        leftovers = ["*.said"]
        [phases]
        receiving = ["~{{published}}"]
    """


def mini(mood: str = "locked", *, stateless: bool = False) -> Target:
    return parse_target(target_text(mood, stateless=stateless), source="mini.toml", here=str(HERE))


def storm(
    kind: str = "conflicting", *, seed: int = 1, index: int = 0, replicas: int = 2, fleet: str = "",
    size: str = "2KiB", chunk: str = "1KiB", faults: str = "", closing: str = "",
) -> Plan:  # fmt: skip
    text = STORM.format(
        kind=kind, replicas=replicas, fleet=fleet, size=size, chunk=chunk, faults=faults,
        closing=closing,
    )  # fmt: skip
    scenario = parse(text, name="small", file="small.toml")
    return draw_plan(scenario, seed=seed, index=index, capabilities=mini().capabilities)


def run(plan: Plan, target: Target, chooser: Deciding | Repeating) -> FuseOutcome:
    """Run it; the test is skipped, with the reason, where nothing can be mounted."""
    with tempfile.TemporaryDirectory(prefix="patchstorm-logs-") as folder:
        try:
            return run_conducted(plan, target, chooser, out_dir=Path(folder))
        except UnavailableStorage as missing:
            pytest.skip(str(missing))


def served(ran: FuseOutcome) -> list[tuple[str, int | None]]:
    """What was asked and answered, in order of asking."""
    return [
        (one.call.kind, one.end.status if one.end is not None else None)
        for one in ran.history.operations
    ]
