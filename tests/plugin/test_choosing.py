"""Storms are chosen as other tests are: by id, marker, --lf and --ff, in every world; and counted as such."""

from __future__ import annotations

import pytest

import patchstorm.pytest_plugin.items  # noqa: F401  once; the sessions below forget what they import

pytest_plugins = "pytester"

REFERENCE = ("--patchstorm-target", "reference", "--patchstorm-scenarios", "sequential,replaying")
WRONG = (
    "--patchstorm-target", "bug:chunks-left", "--patchstorm-scenarios", "sequential,replaying",
    "--patchstorm-worlds", "sim", "--patchstorm-schedules", "1",
)  # fmt: skip
OTHERS = """
def test_one():
    pass

def test_two():
    pass
"""


def chosen(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line]


def collected(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("--collect-only", "-q", *arguments)


def test_every_world_has_its_items_and_the_usual_one_is_not_named(
    pytester: pytest.Pytester,
) -> None:
    every = "sim,processes,fuse,nfs,containers"
    result = collected(
        pytester, "--patchstorm-target", "reference", "--patchstorm-scenarios", "sequential",
        "--patchstorm-worlds", every,
    )  # fmt: skip
    assert chosen(result) == [
        "patchstorm::sequential[reference-sim-1]",
        "patchstorm::sequential[reference-1]",
        "patchstorm::sequential[reference-fuse-1]",
        "patchstorm::sequential[reference-nfs-1]",
        "patchstorm::sequential[reference-containers-1]",
    ]


@pytest.mark.parametrize(
    "workers", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)], ids=["alone", "xdist"]
)
def test_an_id_that_was_printed_selects_that_storm(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile(OTHERS)
    worlds = (
        "--patchstorm-worlds",
        "sim",
        "--patchstorm-schedules",
        "1",
        "--patchstorm-seeds",
        "2",
    )
    one = chosen(collected(pytester, *REFERENCE, *worlds))[5]
    assert one == "patchstorm::replaying[reference-sim-2]"
    result = pytester.runpytest_inprocess(*REFERENCE, *worlds, *workers, "-v", one)
    result.assert_outcomes(passed=1)
    assert sum(one in line and "PASSED" in line for line in result.outlines) == 1


def test_ids_of_storms_and_of_other_tests_stand_side_by_side(pytester: pytest.Pytester) -> None:
    file = pytester.makepyfile(OTHERS).name
    asked = (f"{file}::test_two", "patchstorm::replaying")
    result = collected(pytester, *REFERENCE, "--patchstorm-seeds", "2", *asked)
    assert chosen(result) == [
        f"{file}::test_two",
        "patchstorm::replaying[reference-1]",
        "patchstorm::replaying[reference-2]",
    ]


def test_the_marker_chooses_storms_and_all_others(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OTHERS)
    storms = collected(pytester, *REFERENCE, "--strict-markers", "-m", "storm")
    assert len(chosen(storms)) == 2
    assert all(name.startswith("patchstorm::") for name in chosen(storms))
    others = collected(pytester, *REFERENCE, "-m", "not storm")
    assert [name.partition("::")[2] for name in chosen(others)] == ["test_one", "test_two"]


def test_the_numbers_are_those_of_all_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OTHERS)
    result = collected(pytester, *REFERENCE)
    result.stdout.fnmatch_lines(["4 tests collected in *"])
    fewer = collected(pytester, *REFERENCE, "-k", "replaying")
    fewer.stdout.fnmatch_lines(["1/4 tests collected (3 deselected) in *"])
    loud = pytester.runpytest_inprocess("--collect-only", *REFERENCE)
    loud.stdout.fnmatch_lines(["collected 4 items"])


def test_what_failed_last_is_run_again_alone_or_first(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OTHERS)
    first = pytester.runpytest_inprocess(*WRONG)
    outcomes = first.parseoutcomes()
    assert outcomes["passed"] + outcomes["failed"] == 4 and outcomes["failed"] >= 1
    alone = pytester.runpytest_inprocess(*WRONG, "--lf")
    alone.assert_outcomes(failed=outcomes["failed"], deselected=outcomes["passed"])
    order = chosen(collected(pytester, *WRONG, "--ff"))
    failed = outcomes["failed"]
    assert len(order) == 4
    assert all(name.startswith("patchstorm::") for name in order[:failed])
    assert order != chosen(collected(pytester, *WRONG))


@pytest.mark.slow
def test_four_workers_run_each_storm_once(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(
        *REFERENCE, "--patchstorm-worlds", "sim", "--patchstorm-schedules", "1",
        "--patchstorm-seeds", "3", "-n", "4", "-v",
    )  # fmt: skip
    result.assert_outcomes(passed=6)
    ran = [line.split()[-1] for line in result.outlines if "PASSED" in line]
    assert len(ran) == len(set(ran)) == 6


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        ([*REFERENCE, "patchstorm::replayng[reference-1]"], "*the options ask for no such storm*"),
        (["patchstorm::replaying[reference-1]"], "*give --patchstorm-target, too*"),
        (
            [*REFERENCE, "--patchstorm-worlds", "simulated"],
            "*no such world*Worlds: sim, processes*",
        ),
        ([*REFERENCE, "--patchstorm-worlds", ","], "*name at least one world*"),
        ([*REFERENCE, "--patchstorm-schedules", "0"], "*--patchstorm-schedules*"),
    ],
)
def test_what_cannot_be_chosen_is_a_usage_error(
    pytester: pytest.Pytester, arguments: list[str], remedy: str
) -> None:
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {remedy}"])
