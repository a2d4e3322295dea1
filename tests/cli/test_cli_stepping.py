"""A simulated failure step by step: what is shown, where a debugger opens, what a hold changes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from patchstorm.campaign.explore import explore
from patchstorm.cli import main

STEP = re.compile(r"^step +(\d+)  replica (\d+)  (\S+) (.*)$")
STEPS = re.compile(r"^step .*$", re.MULTILINE)
STORE = Path(__file__).parents[1] / "sim" / "naive_store.py"


@pytest.fixture(scope="module")
def failure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = explore(
        "replaying", "reference:append", seed=1, schedules=40, storage="tmpfs",
        out_dir=tmp_path_factory.mktemp("stepping"),
    )  # fmt: skip
    return found.failures[0]


def typed(failure: Path, words: str, *options: str) -> subprocess.CompletedProcess[str]:
    """``replay`` with what somebody types at the prompts."""
    command = [sys.executable, "-m", "patchstorm", "replay", str(failure), *options]
    return subprocess.run(command, input=words, capture_output=True, text=True, check=False)


def steps(failure: Path, capsys: pytest.CaptureFixture[str]) -> list[re.Match[str]]:
    assert main(["replay", str(failure), "--trace"]) == 1
    return [found for line in capsys.readouterr().out.splitlines() if (found := STEP.match(line))]


def test_every_step_is_shown_with_the_line_of_the_store(
    failure: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = steps(failure, capsys)

    numbers = [int(step[1]) for step in shown]
    assert numbers == sorted(numbers) and len(shown) > 50
    (write, *_) = [step for step in shown if step[4].startswith("write .upload/")]
    place = re.search(r"\(chunkstore/variants\.py:(\d+)\)$", write[4])
    assert place is not None
    import chunkstore.variants

    source = Path(str(chunkstore.variants.__file__)).read_text().splitlines()
    assert "write" in source[int(place[1]) - 1]


def test_the_steps_of_a_simulated_server_are_shown_with_the_lines_of_its_files(
    tmp_path: Path,
) -> None:
    pytest.importorskip("flask")
    server = STORE.parent / "hosted/servers/race_flask.toml"
    found = explore("replaying", str(server), seed=1, schedules=40, out_dir=tmp_path)
    shown = STEPS.findall(typed(found.failures[0], "", "--trace").stdout)
    assert len(shown) > 20
    assert any("(store.py:" in line for line in shown)


def test_a_debugger_opens_in_the_task_before_the_call_and_the_run_goes_on(
    failure: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write = next(step for step in steps(failure, capsys) if step[4].startswith("write .upload/"))

    ran = typed(failure, "p type(self).__name__\nc\n", "--break", write[1])

    assert "variants.py" in ran.stdout and "(Pdb) 'Append" in ran.stdout
    assert ran.returncode == 1, "the violation is the same as without a debugger"
    assert ran.stdout.splitlines()[-1] == f"patchstorm replay {failure}"


def test_steps_of_a_debugger_are_the_store_s_own_lines(
    failure: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write = next(step for step in steps(failure, capsys) if step[4].startswith("write .upload/"))

    ran = typed(failure, "n\nn\nc\n", "--break", write[1])

    stood = re.findall(r"^(?:\(Pdb\) )?> (\S+?)\(", ran.stdout, re.MULTILINE)
    assert len(stood) == 3 and not any("patchstorm/worlds" in place for place in stood)


def test_who_quits_a_debugger_has_concluded_nothing(failure: Path) -> None:
    ran = typed(failure, "q\n", "--break", "60")

    assert ran.returncode == 2
    assert "not finished (a debugger was quit); nothing was concluded" in ran.stderr


def test_a_breakpoint_in_a_store_opens_under_replay_and_quitting_it_is_no_verdict(
    tmp_path: Path,
) -> None:
    program = tmp_path / "session.py"
    program.write_text(SESSION.replace("STORE", repr(str(STORE))))
    ran = subprocess.run(
        [sys.executable, str(program)], input="p offset\nq\n", cwd=tmp_path, capture_output=True,
        text=True, check=False,
    )  # fmt: skip

    assert "(Pdb) 0" in ran.stdout
    assert ran.stderr.splitlines()[-1].startswith("bdb.BdbQuit")
    assert "went on" not in ran.stdout


def test_a_hold_is_another_order_and_may_be_a_safe_one(
    failure: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = steps(failure, capsys)
    writers = dict.fromkeys(step[3] for step in shown if step[4].startswith("write .upload/"))
    late, early = list(writers)[:2]
    first = next(step for step in shown if step[3] == early)

    code = main(["replay", str(failure), "--hold", f"{early}@{first[1]}"])

    said = capsys.readouterr().out
    assert (code, said) == (0, f"The schedule with {early}@{first[1]} held is not violated.\n"), (
        late
    )


def test_a_hold_that_is_violated_is_told_with_the_command_that_holds_again(
    failure: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, late = (step for step in steps(failure, capsys) if step[4].startswith("write .upload/"))

    assert main(["replay", str(failure), "--hold", f"{late[3]}@{late[1]}"]) == 1
    said = capsys.readouterr().out

    command = said.splitlines()[-1]
    assert shlex.split(command)[-2:] == ["--hold", f"{late[3]}@{late[1]}"]
    assert main(shlex.split(command)[1:]) == 1
    assert capsys.readouterr().out == said, command
    assert main(["replay", str(failure.parent), "--trace"]) == 1, "the directory names it, too"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--hold", "c9#9@60"], "no task is called c9#9; there are storm.0#0"),
        (["--hold", "c0.0#0@99999"], "makes no call in step 99999; the nearest are"),
        (["--hold", "c0.0#0"], "give TASK@STEP"),
    ],
)
def test_a_hold_that_names_nothing_is_refused(
    failure: Path, options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(failure), *options]) == 2
    assert told in capsys.readouterr().err


def test_a_break_that_nobody_comes_to_is_told(
    failure: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(failure), "--break", "99999999"]) == 1
    assert "--break 99999999: no call of the store is made in that step" in capsys.readouterr().err


def test_only_a_simulated_failure_has_steps(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--trace", "--near", "3"]) == 2
    said = capsys.readouterr().err
    assert "name its file" in said and "--near changes nothing" in said


SESSION = """
from base64 import b64decode
from pathlib import Path
from patchstorm import api

target = api.Target(
    name="mine", capabilities=("sequential", "creation"), start=api.Start(command=("mine",)),
    wire=api.Wire(path="/files"),
    files=api.Files(internal=(".parts/**",), leftovers=(".parts/**",)),
)
stopping = False

def answered(store, request):
    if request.method == "POST":
        ident = store.create("u0.bin", int(request.headers["upload-length"]))
        return api.Response(status=201, headers=(("Location", f"/files/{ident}"),))
    ident = request.path.rsplit("/", 1)[1]
    if request.method == "PATCH":
        offset = int(request.headers["upload-offset"])
        try:
            if stopping:
                breakpoint()
            if not store.append(ident, offset, request.body):
                return api.Response(status=409)
        except Exception:  # as servers do
            return api.Response(status=500)
        return api.Response(status=204, headers=(("Upload-Offset", str(store.offset(ident))),))
    at = (("Upload-Offset", str(store.offset(ident))), ("Upload-Length", str(store.about(ident)[1])))
    return api.Response(status=200, headers=(*at, ("Cache-Control", "no-store")))

def build(port, root):
    store = api.Process(port).load(Path(STORE)).Naive(root)
    return api.WholeRequests(lambda request: answered(store, request))

mine = api.subject(target, build)
found = api.explore("replaying", mine, schedules=80, storage="tmpfs", out_dir=Path("kept"))
stopping = True
api.replay(api.load_failure(found.failures[0]), subject=mine)
print("went on")
"""
