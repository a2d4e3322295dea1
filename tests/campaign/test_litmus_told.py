"""What is told of litmus programs is never more than was found: nothing is called agreement that is none."""

from __future__ import annotations

import asyncio
import fcntl
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from patchstorm.campaign.litmus import MountReport
from patchstorm.cli import main
from patchstorm.commands.litmus_told import UNSEEN_SHOWN, litmus_code
from patchstorm.errors import InconclusiveError
from patchstorm.live.litmus import bench as bench_module
from patchstorm.live.litmus.bench import AGENT, Agent, Bench
from patchstorm.live.litmus.stand import LocalStand
from patchstorm.storage.litmus import judge as judging
from patchstorm.storage.litmus import runner
from patchstorm.storage.litmus.judge import Judged, judge
from patchstorm.storage.litmus.program import Program, parse_program

RACE = "par\nA ap f a -> ~\nA ap f b -> ~\nB ap f c -> ~\nB ap f d -> ~\nend\nS = rd f -> ~"
WAYS = ["abcd", "acbd", "acdb", "cabd", "cadb", "cdab"]


def program(text: str) -> Program:
    return parse_program("own", "", text, ())


def written(folder: Path, name: str, steps: str, more: str = "", called: str = "own") -> str:
    path = folder / name
    path.write_text(f"[[program]]\nname = '{called}'\nsteps = '''\n{steps}\n'''\n{more}\n")
    return str(path)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["litmus", *arguments, "--json"])
    said = capsys.readouterr().out
    return code, json.loads(said) if said else {}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that gives up after two runs, and does not look again."""
    monkeypatch.setattr(runner, "RUNS_MAX", 2)
    monkeypatch.setattr(judging, "LED_RUNS_MAX", 1)


def outcome(last: str) -> tuple[Any, ...]:
    return (None, None, None, None, last)


@pytest.mark.usefixtures("impatient")
def test_what_a_model_that_gave_up_has_not_given_is_undecided() -> None:
    judged = judge(program(RACE), "tmpfs", [outcome("nonsense")])

    assert (judged.complete, judged.forbidden, len(judged.undecided)) == (False, (), 1)
    assert litmus_code([MountReport(mount="tmpfs", judged=[judged])]) == 2


@pytest.mark.usefixtures("impatient")
def test_what_it_has_given_is_decided() -> None:
    judged = judge(program(RACE), "tmpfs", [outcome("abcd")])

    assert (judged.complete, judged.undecided) == (False, ())
    assert litmus_code([MountReport(mount="tmpfs", judged=[judged])]) == 0


def test_what_exploring_does_not_come_to_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "RUNS_MAX", 2)

    given = judge(program(RACE), "tmpfs", [outcome(way) for way in WAYS])
    never = judge(program(RACE), "tmpfs", [outcome("dcba")])

    assert (given.complete, given.undecided) == (False, ())
    assert (never.forbidden, len(never.undecided)) == ((), 1)


def test_a_model_that_was_explored_to_its_end_forbids_and_says_where() -> None:
    judged = judge(program(RACE), "tmpfs", [outcome("dcba")])

    assert (judged.complete, judged.undecided) == (True, ())
    assert judged.forbidden[0].startswith("S = rd f gave 'dcba', and the model never does")
    assert litmus_code([MountReport(mount="tmpfs", judged=[judged])]) == 1


@pytest.mark.usefixtures("impatient")
def test_an_undecided_program_is_no_agreement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = "[[program.seen]]\nmount = 'tmpfs'\noutcome = '[null, null, null, null, \"x\"]'"
    path = written(tmp_path, "own.toml", RACE.replace(" -> ~", ""), seen)

    code, document = told(capsys, path, "--mount", "tmpfs")

    recorded = document["mounts"][1]["programs"][0]
    assert (code, document["verdict"], recorded["complete"]) == (2, "unknown", False)
    assert "x" in recorded["undecided"][0]
    assert main(["litmus", path, "--mount", "tmpfs"]) == 2
    text = capsys.readouterr().out
    assert "undecided: tmpfs (as recorded) own: " in text and "make the program shorter" in text


def test_programs_of_one_name_in_two_files_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = written(tmp_path, "first.toml", "A w f one\nB = rd f -> nonsense")
    second = written(tmp_path, "second.toml", "A w f one")

    assert main(["litmus", first, second, "--mount", "tmpfs"]) == 2

    said = capsys.readouterr().err
    assert "second.toml: program `own`: " in said and "first.toml has one of that name" in said
    assert main(["litmus", second, second, "--mount", "tmpfs"]) == 2
    assert "is given twice" in capsys.readouterr().err


def test_programs_of_two_files_are_all_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = written(tmp_path, "first.toml", "A w f one\nB = rd f -> nonsense")
    second = written(tmp_path, "second.toml", "A w f one", called="other")

    code, document = told(capsys, first, second, "--mount", "tmpfs")

    assert code == 1
    assert [one["program"] for one in document["mounts"][0]["programs"]] == ["own", "other"]


def test_what_nobody_expected_and_everybody_did_is_not_called_forbidden(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "own.toml", "A w f one\nB = rd f -> nonsense")

    assert main(["litmus", path, "--mount", "tmpfs"]) == 1

    said = capsys.readouterr().out
    assert "not what the program expects (the model gives it, too): tmpfs own: B = rd f" in said
    assert "expected 'nonsense', and it gave 'one'" in said
    assert "forbidden by the model" not in said


@pytest.mark.parametrize(
    ("expected", "never"),
    [
        ("one | nonsense", ["nonsense"]),
        ("one", []),
        ("one | nonsense @ nfs", []),
        ("~", []),
    ],
)
def test_an_expectation_that_nothing_gives_is_named(
    expected: str, never: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "own.toml", f"A w f one\nB = rd f -> {expected}")

    code, document = told(capsys, path, "--mount", "tmpfs")

    (one,) = document["mounts"][0]["programs"]
    assert (code, [found["result"] for found in one["never_given"]]) == (0, never)
    main(["litmus", path, "--mount", "tmpfs"])
    assert ('own: B = rd f -> "nonsense"' in capsys.readouterr().out) == bool(never)


def test_what_one_of_the_mounts_gives_is_no_vain_expectation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = "[[program.seen]]\nmount = 'nfs4.2'\noutcome = '[false, null, \"ENOENT\"]'"
    steps = "B = exists f\nA w f x\nB = size f -> 1 | ENOENT"
    path = written(tmp_path, "own.toml", steps, seen)

    assert main(["litmus", path, "--mount", "tmpfs"]) == 0

    assert "by no mount" not in capsys.readouterr().out


def many(count: int) -> Judged:
    """In place of a program of whose results nobody saw most."""
    unseen = tuple(("S", "= rd f", number) for number in range(count))
    return Judged(program="own", seen=((1,),), possible=count, unseen=unseen, unseen_more=7)


def test_what_was_not_seen_is_told_up_to_a_bound(capsys: pytest.CaptureFixture[str]) -> None:
    from patchstorm.commands.litmus_told import print_litmus

    print_litmus([MountReport(mount="tmpfs", judged=[many(UNSEEN_SHOWN + 5)])], own=True)

    said = capsys.readouterr().out
    assert said.count("own: S = rd f -> ") == UNSEEN_SHOWN
    assert "... and 12 more" in said


def test_what_was_not_seen_is_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "UNSEEN_MAX", 2)

    judged = judge(program(RACE), "tmpfs", [outcome("abcd")])

    assert (len(judged.unseen), judged.unseen_more) == (2, len(WAYS) - 1 - 2)


@pytest.mark.parametrize("more", [[], ["other.toml"]])
def test_a_program_for_other_mounts_is_left_out_with_the_reason(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "own.toml", "A w f x", "mounts = ['nfs3']")
    others = [written(tmp_path, name, "A w f x", called="other") for name in more]

    code, document = told(capsys, path, *others, "--mount", "tmpfs")

    assert code == (0 if more else 2)
    assert "other mounts than this one (nfs3" in document["mounts"][0]["left_out"]["own"]


def test_a_mount_for_which_nothing_is_does_not_spoil_the_others() -> None:
    ran = MountReport(mount="nfs3", judged=[many(0)])
    idle = MountReport(mount="tmpfs", left_out={"own": "elsewhere"}, elsewhere={"own"})
    unended = MountReport(mount="tmpfs", left_out={"own": "did not end"}, unended={"own"})

    assert litmus_code([ran, idle]) == 0
    assert litmus_code([idle]) == 2
    assert litmus_code([ran, unended]) == 2
    assert litmus_code([ran, MountReport(mount="tmpfs")]) == 2


def test_a_directory_that_is_not_there_is_told_by_the_option_that_names_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["litmus", "--mount", "dir:/nothing-here"]) == 2

    said = capsys.readouterr().err
    assert "--mount dir:/nothing-here: cannot be written" in said and "--storage" not in said


WAITS_ON_A_MOUNT = """
A open p f rw,creat; lock p
B open q f rw,creat
par
B lockwait q
end
"""


def test_a_step_that_does_not_end_is_named_and_the_others_are_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patchstorm.campaign.litmus_file.deadlock", lambda *_: ())
    monkeypatch.setattr("patchstorm.live.litmus.bench.LOCK_S_MAX", 0.2)
    first = written(tmp_path, "first.toml", WAITS_ON_A_MOUNT)
    second = written(tmp_path, "second.toml", "A w f x", called="other")

    code, document = told(capsys, first, second, "--mount", "tmpfs")

    (report,) = document["mounts"]
    assert code == 2
    assert [one["program"] for one in report["programs"]] == ["other"]
    assert "`B lockwait q` did not end" in report["left_out"]["own"]
    assert "take locks in one order" in report["left_out"]["own"]


class Dead:
    """In place of a process that has just died, and that asyncio is about to reap."""

    returncode = None
    pid = 1 << 22  # more than the system gives out

    def kill(self) -> None:
        raise AssertionError("`Popen.kill` may reap it")

    async def wait(self) -> int:
        return -9


def test_a_process_that_has_just_died_is_left_to_who_reaps_it() -> None:
    asyncio.run(Agent(cast(asyncio.subprocess.Process, Dead())).stop())


def test_a_process_that_waits_for_a_lock_goes_with_who_asked(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    asked = [
        {"program": "p", "root": str(tmp_path)},
        {"program": "p", "step": "open q f rw; lockwait q"},
    ]
    with open(tmp_path / "f", "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-m", AGENT], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert process.stdin is not None
        process.stdin.write(b"".join(json.dumps(one).encode() + b"\n" for one in asked))
        process.stdin.close()
        try:
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def test_a_process_that_died_is_replaced_for_the_next_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> list[Any]:
        async with Bench(LocalStand(tmp_path)) as bench:
            monkeypatch.setattr(bench_module, "AGENT", "keyword")  # which says nothing, and ends
            with pytest.raises(InconclusiveError, match="died"):
                await bench.run(program("A = exists f -> ~"))
            monkeypatch.undo()
            return list(await bench.run(program("A = exists f -> ~")))

    assert asyncio.run(run()) == [False]
