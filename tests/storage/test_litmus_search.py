"""An outcome is looked for in the model, and drawn programs are the same everywhere."""

from __future__ import annotations

import subprocess
import sys

import pytest

from patchstorm.live.litmus.drawing import drawn, lines_of, of_lines
from patchstorm.storage.litmus.catalogue import PROGRAMS
from patchstorm.storage.litmus.program import Program, parse_program
from patchstorm.storage.litmus.runner import run_model
from patchstorm.storage.litmus.search import deadlock, find
from patchstorm.storage.parse import kernel_like


@pytest.mark.parametrize("name", ["replaced", "counter-in-place", "own-change", "rename-gap"])
def test_what_exploring_gives_is_found_and_nothing_else(name: str) -> None:
    program = PROGRAMS[name]
    for outcome, _ in run_model(program, "nfs4.2").outcomes.values():
        assert find(program, "nfs4.2", outcome).produced
        other = (*outcome[:-1], "never written")
        assert not find(program, "nfs4.2", other).produced


def test_how_far_the_model_can_follow_is_told() -> None:
    program = of_lines("x", ["A w f one", "B = rd f", "S = rd f"])

    found = find(program, "nfs4.2", (None, "one", "two"))

    assert (found.produced, found.steps, found.complete) == (False, 2, True)


DRAW = (
    "from patchstorm.live.litmus.drawing import drawn; print([drawn(7, n).text for n in range(50)])"
)


def test_a_number_and_a_seed_are_one_program_in_every_process() -> None:
    texts = [drawn(7, number).text for number in range(50)]

    drawn_elsewhere = subprocess.run(
        [sys.executable, "-c", DRAW], env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "5"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert drawn_elsewhere.strip() == str(texts)
    assert len(set(texts)) == 50
    assert [drawn(8, 0).text] != texts[:1]


def test_drawn_programs_use_all_that_there_is() -> None:
    words = {
        step.commands.removeprefix("= ").split()[0]
        for number in range(300)
        for step in drawn(1, number).steps
    }

    assert words >= {
        "open",
        "lock",
        "range",
        "rename",
        "unlink",
        "truncate",
        "ftruncate",
        "fsync",
        "nlink",
    }


def test_a_program_taken_apart_and_put_together_is_the_same() -> None:
    program = drawn(1, 3)

    assert of_lines(program.name, lines_of(program)) == program


def test_a_descriptor_that_could_not_be_had_is_ebadf() -> None:
    program = of_lines("x", ["A open p f r", "A = pread p 9 0", "A close p", "A w f x"])

    (outcome,) = [found for found, _ in run_model(program, "tmpfs").outcomes.values()]

    assert outcome == ("ENOENT", "EBADF", "EBADF", None)


def test_kernels_are_told_apart_by_what_they_do() -> None:
    assert [kernel_like(text) for text in ("5.10", "6.1.176", "6.9", "6.12.1", "6.19", "7.2.7", "8.0")] == [
        "6.1", "6.1", "6.1", "6.12", "6.12", "7.2", "7.2",
    ]  # fmt: skip


def race(of_a: str, of_b: str) -> Program:
    opened = ["A open p f rw,creat; open q g rw,creat", "B open p f rw,creat; open q g rw,creat"]
    lines = [*opened, "par", f"A {of_a}", f"B {of_b}", "end"]
    return parse_program("locks", "", "\n".join(lines), ())


@pytest.mark.parametrize(
    ("of_a", "of_b", "hosts"),
    [
        ("lockwait p; lockwait q; close q; close p", "lockwait p; lockwait q; close q; close p", ""),
        ("lockwait p; lockwait q; close q; close p", "lockwait q; lockwait p; close p; close q", "AB"),
        ("lockwait p; unlock p", "lockwait p; unlock p", ""),
        ("lockwait p; lock p un", "lockwait p; unlock p", ""),
        ("lockwait p", "lockwait p; unlock p", "B"),
    ],
)  # fmt: skip
def test_a_race_that_may_never_end_is_seen_in_the_model(of_a: str, of_b: str, hosts: str) -> None:
    assert "".join(step.host for step in deadlock(race(of_a, of_b), "tmpfs")) == hosts


def test_no_race_of_the_catalogue_waits_for_ever() -> None:
    for program in PROGRAMS.values():
        assert deadlock(program, program.runs_on[0]) == ()
