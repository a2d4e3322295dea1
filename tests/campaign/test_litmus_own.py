"""Litmus programs of one's own and random ones: read, run, judged, made small."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from patchstorm.campaign.litmus_random import Forbidden, judged, smaller
from patchstorm.cli import main
from patchstorm.live.litmus.bench import runnable
from patchstorm.live.litmus.drawing import lines_of, of_lines
from patchstorm.storage.litmus.catalogue import PROGRAMS
from patchstorm.storage.litmus.program import parse_program
from patchstorm.worlds.nfs.guest import Guest
from patchstorm.worlds.nfs.litmus import calm, plain, striking

PROGRAM = """
[[program]]
name = "kept"
steps = '''
A w f one; open p f r; dup q p
A close p; = pread q 9 0; mtime t f; truncate f 1; = newer t f -> {expected}
S = rd f
'''
"""
DEADLOCK = """
A open p f rw,creat; open q g rw,creat
B open p f rw,creat; open q g rw,creat
par
A lockwait p; lockwait q; close q; close p
B lockwait q; lockwait p; close p; close q
end
"""
LONG = f"par\nA w f x{'; w f x' * 100}\nend"
ONE = "[[program]]\nname='x'\nsteps='A w f x'\n"
SEEN = """
[[program.seen]]
mount = "nfs4.2"
outcome = '[null, ["one", true], "{last}"]'
"""


def run(path: Path, *options: str) -> int:
    return main(["litmus", str(path), "--mount", "tmpfs", "--json", *options])


def file(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text)
    return path


def test_a_program_of_ones_own_is_run_and_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(tmp_path, PROGRAM.format(expected='["one", true]'))

    assert run(path) == 0

    (mount,) = json.loads(capsys.readouterr().out)["mounts"]
    assert [one["seen"] for one in mount["programs"]] == [[[None, ["one", True], "o"]]]


def test_what_was_not_expected_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file(tmp_path, PROGRAM.format(expected='["two", true]'))

    assert run(path) == 1

    (one,) = json.loads(capsys.readouterr().out)["mounts"][0]["programs"]
    assert "expected ['two', True], and it gave ['one', True]" in one["unexpected"][0]
    assert one["forbidden"] == []


@pytest.mark.parametrize(("last", "code"), [("o", 0), ("x", 1)])
def test_an_outcome_that_was_recorded_is_judged(
    last: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(tmp_path, PROGRAM.format(expected="~") + SEEN.format(last=last))

    assert run(path) == code

    mounts = json.loads(capsys.readouterr().out)["mounts"]
    assert [mount["mount"] for mount in mounts] == ["tmpfs", "nfs4.2 (as recorded)"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "`program` is one or more tables, each begun with [[program]]"),
        ("[program]\nname='x'\nsteps='A w f x'", "`program` is one or more tables"),
        ("title='x'\n" + ONE, "unknown key `title`: use one of: program"),
        (ONE + "colour='red'", "program `x`: unknown key `colour`: use one of: name, steps, about"),
        ("[[program]]\nname='x'", "program `x`: `steps` is missing"),
        (ONE + "[[program]]\nsteps='A w f x'", "program 2: `name` is missing"),
        ("[[program]]\nname='x'\nsteps=['A w f x']", "program `x`: `steps`: Expected `str`"),
        (f"{ONE}mounts=[3]", "program `x`: `mounts`: Expected `str`"),
        (f"{ONE}mounts=[]", "program `x`: `mounts` names none"),
        (f"{ONE}mounts=['nfs9']", "program `x`: `mounts`: storage 'nfs9'"),
        (f"{ONE}[[program.seen]]\nmount='nfs9'\noutcome='[null]'", "`mount` of [[program.seen]]"),
        (f"{ONE}[[program.seen]]\nmount='nfs3'", "[[program.seen]] 1: `outcome` is missing"),
        (f"{ONE}seen=3", "each begun with [[program.seen]]"),
        (f"[[program]]\nname='x'\nsteps='''{DEADLOCK}'''", "and `B lockwait q; lockwait p"),
        (f"[[program]]\nname='x'\nsteps='''{LONG}'''", "at most 100 commands"),
        ("[[program]]\nname='x'\nsteps='A rdd f'", "no command `rdd`"),
        ("[[program]]\nname='x'\nsteps='A pread p 9'", "`pread` takes NAME COUNT OFFSET"),
        ("[[program]]\nname='x'\nsteps='A pread p 9 x'", "OFFSET is a number"),
        ("[[program]]\nname='x'\nsteps='A open p f rx'", "`rx` is none of"),
        ("[[program]]\nname='x'\nsteps='C rd f'", "a step is A, B or S"),
        ("[[program]]\nname='x'\nsteps='A w f x'\nmounts=['nfs9']", "unknown flavour"),
        ("[[program]]\nname='x'\nsteps='A w f x'\nmount='nfs3'", "mount"),
        ("[[program]]\nname='x'\nsteps='par'", "`par` wants an `end`"),
        ("[[program]]\nname='x'\nsteps=''", "there is no step"),
        ("[[program]]\nname='x'\nsteps='A sleep soon'", "program `x`: step `A sleep soon`"),
        ("[[program]]\nname='x'\nsteps='A w ../x a'", "leaves it"),
        ("[[program]]\nname='x'\nsteps='A = rd f -> [1, '", "broken JSON"),
        ("[[program]]\nname=''\nsteps='A w f x'", "a name is made of"),
        (f"[[program]]\nname='{'x' * 101}'\nsteps='A w f x'", "100 bytes at most"),
        (
            "[[program]]\nname='x'\nsteps='A cut'\n[[program.seen]]\nmount='tmpfs'\noutcome='[null]'",
            "needs a server",
        ),
        (f"{ONE}[[program.seen]]\nmount='nfs3'\noutcome='[1,2]'", "1 results"),
        (ONE + ONE, "two of that name"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_one_message(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(file(tmp_path, text)) == 2

    said = capsys.readouterr().err
    assert says in said and "own.toml" in said and "Traceback" not in said


def test_random_programs_run_on_a_local_directory(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["litmus", "--mount", "tmpfs", "--random", "3", "--seed", "5", "--json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["mounts"] == [
        {"mount": "tmpfs", "missing": None, "programs": 3, "undecided": 0, "forbidden": []}
    ]


@pytest.mark.parametrize("options", [["--random", "0"], ["--random", "1", "--program", "flock"]])
def test_a_number_that_makes_no_sense_is_refused(options: list[str]) -> None:
    assert main(["litmus", "--mount", "tmpfs", *options]) == 2


class Liar:
    """In place of a guest: shows B something else than A wrote to f, and all other files truly."""

    release = "7.2.7"

    async def job(self, order: dict[str, Any], heard: Callable[[dict[str, Any]], None]) -> None:
        for mount, names in order["programs"].items():
            for name in names:
                lines = lines_of(parse_program(name, "", order["texts"][name], ()))
                outcome = [
                    "lies" if "A w f x" in lines and line == "B = rd f" else None for line in lines
                ]
                truth = "ENOENT"
                shown = [
                    truth if line == "B = rd f" and one is None else one
                    for line, one in zip(lines, outcome, strict=True)
                ]
                heard({"mount": mount, "program": name, "outcome": shown})


def test_what_the_model_forbids_is_made_small() -> None:
    lines = ["A w g y", "A w f x", "A unlink g", "B w h z", "B = rd f", "A w f x"]
    program = of_lines("long", lines)
    complaint, complete = judged(
        "nfs4.2", "nfs4.2", program, (None, None, None, None, "lies", None)
    )
    assert complete and complaint is not None and complaint.steps == 4

    small = asyncio.run(smaller(cast(Guest, Liar()), complaint))

    assert isinstance(small, Forbidden)
    assert sorted(lines_of(small.program)) == ["A w f x", "B = rd f"]
    assert small.outcome.count("lies") == 1


def test_programs_that_others_would_notice_run_by_themselves() -> None:
    assert calm(PROGRAMS["own-change"])
    assert all(plain(PROGRAMS[name]) for name in ("killed-holder", "counter-by-rename"))
    assert all(striking(PROGRAMS[name]) for name in ("disk-full", "newer"))


def test_room_on_a_disk_that_others_use_is_no_result() -> None:
    assert (
        runnable(PROGRAMS["newer"], ("kill",))
        == "how much room a disk has is settled on tmpfs alone"
    )
    assert runnable(PROGRAMS["newer"], ("kill", "fill")) is None
