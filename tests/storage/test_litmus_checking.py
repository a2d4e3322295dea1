"""What is refused of a litmus program before it runs, and that whatever passes can be run."""

from __future__ import annotations

import inspect
import itertools
from pathlib import Path

import pytest

from patchstorm.live.litmus.agent import RealClient, run_step
from patchstorm.storage.litmus.catalogue import PROGRAMS
from patchstorm.storage.litmus.checking import ARGUMENTS, KEEPS, USES, check_steps
from patchstorm.storage.litmus.program import TAGS, parse_program, tags
from patchstorm.storage.litmus.runner import run_model
from patchstorm.storage.litmus.shell import VERBS, Shell
from patchstorm.storage.parse import flavour_names

WRONG = {
    "A sleep soon": "a number",
    "A sleep": "takes SECONDS",
    "A sleep 1 2": "takes SECONDS",
    "A sleep -1": "from 0 to 3600",
    "A sleep nan": "from 0 to 3600",
    "A sleep inf": "from 0 to 3600",
    "A kill now": "leave `now` out",
    "A restart": "the server's",
    "S crash": "a client's",
    "A w f x; kill": "a step of its own",
    "A w f a*many": "`many` is none",
    "A w f a*99999999999": "from 0 to 4194304",
    "A w f abc*4000000": "more than 4194304 bytes",
    "A w f a*-1": "from 0",
    "A w f %": "the name of a number",
    "A w f %v": "no step of A before keeps a number as `v`; `get` does",
    "A inc n": "`get` does",
    "A = newer t f": "`mtime` does",
    "A = spent r": "`room` does",
    "A open p f r; inc p": "`p` is a descriptor, and a number is wanted",
    "A get p f; = pread p 9 0": "`p` is a number, and a descriptor is wanted",
    "A open p f r; = spent p": "a room is wanted",
    "A get p f; open p f r": "take another name",
    "A get n f; dup p n": "a descriptor is wanted",
    "A open p f r; = pread p 99999999999 0": "COUNT is a number from 0",
    "A open p f r; = pread p 9 -1": "OFFSET is a number from 0",
    "A open p f r; = pread p --9 0": "`--9` is none",
    "A open p f r; = pread p ² 0": "`²` is none",
    "A open p f r; pwrite p x 99999999999999999999999": "OFFSET is a number from 0",
    "A truncate f 9999999999999999999": "LENGTH is a number from 0",
    "A open p f rw; fallocate p 0 1099511627776": "ROOM is a number from 0",
    "A open p f r; lock p ex,sh": "`ex,sh` is none of",
    "A open p f r; seek p 0 set,end": "`set,end` is none of",
    "A open p f rw,,creat": "`` is none of",
    "A lockwait p": "use `lock`",
    "A + w f x": "between `par` and `end`",
    "A ;": "and its commands",
    "A": "and its commands",
    "A =": "no command ``",
    "A w ../x a": "leaves it",
    "A w d/../../x a": "leaves it",
    "A w /tmp/x a": "leaves it",
    "A rename f ../x": "OTHER is a path below",
    "A link ../f x": "PATH is a path below",
    "A noreplace f /x": "OTHER is a path below",
    "A open d . r,dir; openat p d ../x r": "leaves it",
    "A = ls ..": "leaves it",
    "A rmtree /": "leaves it",
    f"A w {'x' * 1001} a": "more than 1000 bytes",
    "A w f\x00 a": "not printed",
    "A w f a -> [1, ": "broken JSON",
    'A = rd f -> "a': "broken JSON",
    "A = rd f ->": "no result",
    "A = rd f -> a |": "no result",
    "A = rd f -> a @ nonsuch": "no kind of mount",
    "A = rd f -> {}": "none that a command can show",
    "A rd f -> [1]": "write `=`",
    "A = rd f; = size f -> [1]": "a list of 2",
    "A crash\nA = rd f": "write `A reboot` before",
    "par": "wants an `end`",
    "end": "wants a `par`",
    "": "there is no step",
    "par\nend": "steps before it",
    "par\nA w f x\npar\nB w f x\nend\nend": "within a `par`",
    "A cut\npar\nA w f x\nend": "write `A heal` before `par`",
    "par\nS restart\nA w f x\nend": "cannot be part of a race",
    "par\nA sleep 1\nend": "cannot be part of a race",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_with_its_step(text: str) -> None:
    with pytest.raises(ValueError) as raised:
        check_steps(text.split("\n") if text else [])

    assert WRONG[text] in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "A w f ''\nA w d..d/..f x*4194304\nA = ls .",
        "A get v f; inc v; w f %v",
        "A close p",
        "A mtime t f\nB w f x\nA = newer t f -> true",
        "A = rd f; = size f -> ENOENT | [\"x\", 1]",
        "A = rd f -> a*4096+b*9 @ nfs&!L, nfs4.2 | waits for partition | ~",
        "par\nA w f x; + w g y\nB open l l rw; lockwait l\nend",
        "A open p f rw; seek p -1 end; range p; range p 0 9; lock p; lock p sh",
        "A cut\npar\nB w f x\nend\nA heal\npar\nA w f x\nend",
        "A sleep 0.5\nS restart\nA kill\nS kill\nB reboot",
    ],
)  # fmt: skip
def test_what_has_a_meaning_passes(text: str) -> None:
    check_steps(text.split("\n"))


def test_the_catalogue_itself_passes() -> None:
    for program in PROGRAMS.values():
        if not program.faults:
            check_steps(line.strip() for line in program.text.strip().splitlines() if line.strip())


def test_every_word_of_every_verb_is_checked() -> None:
    names = {
        name for method in VERBS.values() for name in [*inspect.signature(method).parameters][1:]
    }

    assert names == set(ARGUMENTS)
    assert {*KEEPS, *USES} <= set(VERBS)


def test_every_condition_that_a_flavour_answers_to_is_known() -> None:
    answered = {tag for name in flavour_names() for tag in tags(name, True)}

    assert answered <= TAGS | set(flavour_names())


WORDS = {
    "name": ("p", "n", "t", "r", "d", "nobody"),
    "source": ("p", "d"),
    "target": ("p", "q"),
    "directory": ("d", "p"),
    "path": ("f", "f/", "d", "none", ".", "x" * 300),
    "other": ("g", "d"),
    "data": ("''", "ab*70000", "%n"),
    "flags": ("r", "rw,creat", "r,dir", "creat,excl"),
    "kind": ("sh", "un"),
    "origin": ("set", "hole"),
    "count": ("0", "16777216"),
    "room": ("0", "4194304"),
    "offset": ("0", "1099511627776"),
    "length": ("1", "1099511627776"),
    "start": ("1099511627776",),
    "left": ("1099511627776",),
    "position": ("-1099511627776", "1"),
}
BEFORE = (
    "A w f 12; mkdir d; w q x; open p f rw; open q q rw; open d d r,dir; get n f; mtime t f; room r"
)


def accepted(verb: str) -> list[str]:
    """Commands of ``verb`` with the words at the edge of what passes."""
    names = [*inspect.signature(VERBS[verb]).parameters][1:]
    commands = [
        f"{verb} {' '.join(words)}".strip()
        for words in itertools.product(*(WORDS[n] for n in names))
    ]
    found = []
    for command in commands:
        try:
            check_steps([BEFORE, f"A = {command}"])
        except ValueError:
            continue
        found.append(command)
    return found


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "lockwait"])
def test_whatever_passes_has_a_result_on_the_model_and_on_a_real_directory(
    verb: str, tmp_path: Path
) -> None:
    commands = accepted(verb)
    assert commands
    for number, command in enumerate(commands):
        text = f"{BEFORE}\nA = {command} -> ~"
        assert run_model(parse_program("one", "", text, ()), "tmpfs").outcomes, command
        root = tmp_path / str(number)
        root.mkdir()
        shell = Shell(RealClient(), str(root))
        run_step(shell, BEFORE.removeprefix("A "))
        run_step(shell, f"= {command}")
        shell.client.close_all()


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("A get v f\nA inc v", "EBADF"),
        ("A w f one\nA get v f", "EINVAL"),
        ("A get v f\nA w g %v", "EBADF"),
    ],
)
def test_a_number_that_could_not_be_had_is_an_errno(text: str, result: str, tmp_path: Path) -> None:
    lines = text.split("\n")
    program = parse_program("one", "", "\n".join(f"{line} -> ~" for line in lines), ())
    (outcome,) = [found for found, _ in run_model(program, "tmpfs").outcomes.values()]

    shell = Shell(RealClient(), str(tmp_path))
    assert [run_step(shell, line.removeprefix("A ")) for line in lines] == list(outcome)
    assert outcome[-1] == result


def test_a_race_in_a_grace_period_waits_for_its_end() -> None:
    lines = ["A open p f rw,creat; lock p", "S restart", "par", "B open q f rw; = lock q", "end"]
    program = parse_program(
        "one", "", "\n".join(f"{one} -> ~" if " " in one else one for one in lines), ()
    )

    ends = {outcome[-1] for outcome, _ in run_model(program, "nfs4.2").outcomes.values()}

    assert ends and ends <= {"locked", "EAGAIN"}
