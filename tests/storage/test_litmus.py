"""The model against the rules and against measurements of real mounts."""

from __future__ import annotations

import pytest

from patchstorm.storage.litmus.catalogue import PROGRAMS
from patchstorm.storage.litmus.observed import CRASHES, OBSERVED
from patchstorm.storage.litmus.program import Program, parse_program, tags
from patchstorm.storage.litmus.runner import Result, violations
from patchstorm.storage.litmus.runner import run_model as explore

_EXPLORED: dict[tuple[str, str, bool], Result] = {}


def run_model(program: Program, flavour: str, *, same_tick: bool = False) -> Result:
    """Exploring is deterministic, so one exploration serves all tests."""
    key = program.name, flavour, same_tick
    if key not in _EXPLORED:
        _EXPLORED[key] = explore(program, flavour, same_tick=same_tick)
    return _EXPLORED[key]


def test_exploring_twice_gives_the_same() -> None:
    program = PROGRAMS["replaced"]
    assert explore(program, "nfs4") == explore(program, "nfs4")


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_outside_the_allowed_results_appears(name: str) -> None:
    program = PROGRAMS[name]
    for flavour in program.runs_on:
        for same_tick in (False, True):
            result = run_model(program, flavour, same_tick=same_tick)
            assert result.complete, f"{name} on {flavour} has too many schedules"
            assert not list(violations(program, flavour, result, same_tick=same_tick))


@pytest.mark.parametrize("name", sorted({seen.program for seen in OBSERVED}))
def test_every_measured_outcome_is_producible(name: str) -> None:
    program = PROGRAMS[name]
    for seen in OBSERVED:
        if seen.program == name:
            results = [run_model(program, seen.flavour, same_tick=tick) for tick in (False, True)]
            assert any(result.has(seen.outcome) for result in results), seen


@pytest.mark.parametrize(("name", "disk"), CRASHES)
def test_every_measured_power_loss_is_producible(name: str, disk: str) -> None:
    result = run_model(PROGRAMS[name], disk)
    contents = [outcome[-1] for outcome, _story in result.outcomes.values()]
    assert CRASHES[name, disk] in contents


def test_measured_outcomes_are_allowed() -> None:
    for seen in OBSERVED:
        steps = PROGRAMS[seen.program].steps
        both = [tags(seen.flavour, tick) for tick in (False, True)]
        for step, value in zip(steps, seen.outcome, strict=True):
            assert any(step.permits(value, words) for words in both), (seen, step)


def test_every_allowed_result_appears_somewhere() -> None:
    """A result that no flavour ever gives would be a rule that the model has forgotten."""
    for program in PROGRAMS.values():
        outcomes = [
            outcome
            for flavour in program.runs_on
            for tick in (False, True)
            for outcome, _story in run_model(program, flavour, same_tick=tick).outcomes.values()
        ]
        for index, step in enumerate(program.steps):
            for allowed in step.allowed or ():
                assert any(
                    outcome[index] == allowed.result or str(allowed.result) == outcome[index]
                    for outcome in outcomes
                ), (program.name, step.commands, allowed)


def test_fresh_is_always_possible_and_dull() -> None:
    """With every choice 0, an NFS flavour shows what tmpfs shows, where the rules allow both."""
    for name in ("missing-name", "removed-name", "replaced", "grown-file", "counter-by-rename"):
        dull = next(iter(run_model(PROGRAMS[name], "nfs4").outcomes.values()))
        local = next(iter(run_model(PROGRAMS[name], "tmpfs").outcomes.values()))
        assert dull[1] == []
        assert dull[0] == local[0]


def test_a_wrong_rule_is_found() -> None:
    """The judge itself: a program that forbids what NFS does is violated, with the choices."""
    wrong = parse_program(
        "wrong",
        "claims that negative look-ups are never cached",
        "B = exists f -> false\nA w f x\nB = size f -> 1",
        ("tmpfs", "nfs4"),
    )
    assert not list(violations(wrong, "tmpfs", run_model(wrong, "tmpfs")))
    found = list(violations(wrong, "nfs4", run_model(wrong, "nfs4")))
    assert len(found) == 1
    assert "nfs.missing-name" in found[0]


def test_the_counter_loses_updates_exactly_where_measured() -> None:
    lost = {
        flavour: any(
            outcome[-1] == "1"
            for outcome, _story in run_model(
                PROGRAMS["counter-by-rename"], flavour
            ).outcomes.values()
        )
        for flavour in (
            "tmpfs",
            "nfs3",
            "nfs4.0",
            "nfs4.1",
            "nfs4.2",
            "nfs4,lookupcache=pos",
            "nfs4,lookupcache=none",
            "nfs4,noac",
            "nfs4,kernel=6.12",
            "nfs4,actimeo=1",
        )
    }
    assert {flavour for flavour, happened in lost.items() if happened} == {
        "nfs4.1",
        "nfs4.2",
        "nfs4,lookupcache=pos",
        "nfs4,actimeo=1",
    }


def _names(program: Program) -> set[str]:
    return {step.host for step in program.steps}


def test_programs_are_about_more_than_one_observer() -> None:
    assert all(_names(program) <= {"A", "B", "S"} for program in PROGRAMS.values())
    assert len(PROGRAMS) > 90
