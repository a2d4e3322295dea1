"""The storm of a test of people's own: its marker says which, the fixture ``storm`` gives what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import pytest

from patchstorm.api import (
    Explored,
    PatchstormError,
    RunReport,
    Scenario,
    StormResult,
    Subject,
    Target,
    UsageError,
    Verdict,
    load_scenario,
    load_target,
    world,
)
from patchstorm.pytest_plugin import JUDGED, PUT, SEED_FIRST, SIMULATOR
from patchstorm.pytest_plugin.asked import settings, worlds
from patchstorm.pytest_plugin.judged import NotSafe, judged
from patchstorm.pytest_plugin.storming import stormed
from patchstorm.pytest_plugin.wanted import Wanted

SAFE: Final = "safe"
_USE = '@patchstorm.storm("replaying", target="my-server.toml")'


@dataclass(frozen=True, slots=True)
class Marked:
    """The arguments of the marker; None is what was left open."""

    scenario: Scenario | str | Path
    target: Target | Subject | str | Path | None = None
    world: str | None = None
    seed: int = SEED_FIRST
    schedules: int | None = None
    storage: str | None = None
    replicas: int | None = None
    verdict: str | None = SAFE


def result_of(request: pytest.FixtureRequest) -> Explored | StormResult:
    """Storm. What the verdict is to be goes along to :func:`judge`: it fails the test, not its setup."""
    try:
        marked = _marked(request.node.get_closest_marker("storm"))
        wanted = _wanted(marked, request.config)
        result = stormed(wanted, settings(request.config), retry=True)
    except PatchstormError as error:
        said = f"{type(error).__name__}: {error}"
    else:
        if marked.verdict == SAFE:  # else what is broken may be what the test is for
            request.node.stash[PUT] = result.report.rules
        judged(result.report, None)  # a storm that was not run has nothing to give
        request.node.stash[JUDGED] = (result.report, marked.verdict)
        return result
    # Not where it is handled: pytest would tell the same story twice, once as what it came from.
    pytest.fail(said, pytrace=False)


def judge(report: RunReport, verdict: str | None) -> None:
    """Fail the test unless the verdict is the one that it expects.

    A test that looks at a history alone would pass after a storm that tried nothing.
    """
    try:
        judged(report, verdict)
    except NotSafe as error:
        said = str(error)
    else:
        return
    pytest.fail(said, pytrace=False)


def _marked(mark: pytest.Mark | None) -> Marked:
    if mark is None:
        raise UsageError(f"the fixture `storm` needs a storm. Write {_USE} above the test.")
    try:
        marked = Marked(*mark.args, **mark.kwargs)
    except TypeError as error:
        said = str(error).replace("Marked.__init__()", "it")
        raise UsageError(f"the marker `storm`: {said}. Write, for example, {_USE}.") from None
    if marked.verdict not in (None, *get_args(Verdict)):
        verdicts = ", ".join(get_args(Verdict))
        raise UsageError(f"the marker `storm`: verdict {marked.verdict!r} is none of {verdicts}")
    return marked


def _wanted(marked: Marked, config: pytest.Config) -> Wanted:
    target = marked.target
    if target is None:
        target = config.getoption("--patchstorm-target")
    if target is None:
        raise UsageError(
            "the marker `storm` names no target, and --patchstorm-target is not given; give one"
        )
    subject = target if isinstance(target, Subject) else None
    place = marked.world or (SIMULATOR if subject else worlds(config)[0])
    if subject is not None and not world(place).searches:
        raise UsageError(
            f"the marker `storm`: a store of your own runs in {SIMULATOR}, not in {place}"
        )
    scenario = marked.scenario
    if isinstance(target, Subject):
        aim = target.target
    else:
        aim = target if isinstance(target, Target) else load_target(target)
    return Wanted(
        scenario=scenario if isinstance(scenario, Scenario) else load_scenario(scenario),
        target=aim,
        name=str(target) if isinstance(target, str | Path) else None,
        subject=subject,
        world=place,
        seed=marked.seed,
        schedules=marked.schedules,
        storage=marked.storage,
        replicas=marked.replicas,
    )
