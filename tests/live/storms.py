"""Small storms for the tests of the live world, written as a user would write them."""

from __future__ import annotations

from pathlib import Path

from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.single import run_storm
from patchstorm.history.events import Fault, Phase
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.schema import parse

REPLAYING = """
title = "Every PATCH reaches several replicas"
why = "A retrying load balancer does it."
closing = {closing}
[fleet]
replicas = 3
{fleet}
[[upload]]
size = "{size}"
chunk = "{chunk}"
[[client]]
kind = "replaying"
times = 3
{faults}
"""


def replaying(
    faults: str = "",
    *,
    size: str = "512KiB",
    chunk: str = "32KiB",
    fleet: str = "",
    closing: str = "client",
) -> Scenario:
    text = REPLAYING.format(
        faults=faults, size=size, chunk=chunk, fleet=fleet, closing=f'"{closing}"'
    )
    return parse(text, name="small", file="small.toml")


def fault(kind: str, when: str = "", whom: str = "", more: str = "") -> str:
    lines = [f'[[fault]]\nkind = "{kind}"']
    lines += [f'whom = "{whom}"'] if whom else []
    lines += [f"when = {{ {when} }}"] if when else []
    return "\n".join([*lines, more])


def ran(
    scenario: Scenario, target: str = "reference", *, seed: int = 1, out_dir: Path | None = None
) -> StormResult:
    return run_storm(scenario, target, seed=seed, out_dir=out_dir)


def faults_of(result: StormResult) -> list[Fault]:
    assert result.history is not None
    return [event for event in result.history.events if isinstance(event, Fault)]


def phases_of(result: StormResult) -> list[str]:
    assert result.history is not None
    return [e.phase for e in result.history.events if isinstance(e, Phase)]
