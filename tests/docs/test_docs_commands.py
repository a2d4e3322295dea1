"""Every command that README, documents and CI recipes show is run, and what they show is what comes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from shown_files import write_files

from patchstorm.check.registry import CHECKERS
from patchstorm.live.storage import UnavailableStorage
from patchstorm.scenario import library
from patchstorm.target.installing import not_installed
from patchstorm.target.registry import bundled_names, resolve
from patchstorm.worlds.nfs.guest import MEMORY_MIB
from patchstorm.worlds.nfs.machine import find_machine

TOP = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *sorted(TOP.glob("*.md")),
    *sorted(TOP.glob("docs/*.md")),
    *sorted(TOP.glob("ci/*.md")),
]
RECIPES = sorted(TOP.glob("ci/*.yml"))
MAIN_JOB = "patchstorm run"
MAIN_JOB_S_MAX = 900
"""It is the work of minutes, beside whatever else a machine does."""
CAUGHT = "patchstorm run replaying --target reference:append --world sim --seed 1"
CAUGHT_LIVE = "patchstorm run replaying --target reference:append --world processes"
CONVICTION_TRIES = 60
GUEST = "--world nfs"
SET = ("COLUMNS", "PATCHSTORM_NO_CORPUS")
EXPLORED = "patchstorm explore replaying --target my-app.toml --storage tmpfs --schedules 40"
OF_PYTHON = "patchstorm-runs/replaying-my-app-sim-1-"
SIMULATED = "patchstorm-runs/replaying-reference-append-sim-1-"

MY_STORM = """
title = "two clients, one small file"
why = "an example"

[[upload]]
size = "64KiB"
chunk = "4KiB"

[[client]]
kind = "replaying"
"""


def shown(path: Path) -> Iterator[str]:
    """The commands in the code blocks of a document, or in the scripts of a recipe."""
    fenced = path.suffix == ".yml"
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        command = re.sub(r"^(\$|- run:|run:|-) ", "", line.strip())
        if (fenced or line.startswith("    ")) and command.startswith(("patchstorm ", "pytest ")):
            yield command


COMMANDS = sorted(
    {command for path in DOCUMENTS for command in shown(path)}
    # What takes variables of the recipe's own is run by the tests of that recipe.
    | {command for path in RECIPES for command in shown(path) if "$" not in command}
)
FIRST_READ = {*shown(TOP / "README.md")}
"""What a newcomer types: tried by every run of the tests. CI tries all others as well."""


def as_parameters(commands: Iterable[str]) -> list[Any]:
    """The commands, those marked that the usual run leaves out."""
    return [
        pytest.param(one, marks=[] if one in FIRST_READ else pytest.mark.slow) for one in commands
    ]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shown command with this Python.

    What would take every bundled storm or server takes one, a search gets a small budget, and a whole
    pytest session only collects its tests: the main job and the README's example alone are run as they stand.
    """
    program, *arguments = shlex.split(command)
    arguments = [_as_found(one, folder) for one in arguments]
    module = {"patchstorm": "patchstorm.cli", "pytest": "pytest"}[program]
    if program == "pytest":
        arguments += ["--collect-only", "-q", "-p", "no:cacheprovider"]
    elif GUEST in command:
        arguments += ["--schedules", "1"]
    elif arguments[0] == "litmus" and "--random" in arguments:
        arguments += ["--random", "2"]
    elif arguments[0] == "litmus":
        arguments += [] if "--program" in arguments else ["--program", "new-name,flock"]
    elif command not in (MAIN_JOB, CAUGHT, CAUGHT_LIVE, EXPLORED):
        if arguments[0] == "run" and arguments[1].startswith("-"):
            arguments.insert(1, "sequential")
        if arguments[0] in ("run", "explore"):
            arguments += ["--schedules", "2", "--jobs", "2"]
        if arguments[0] == "selftest":
            arguments += ["--only", "chunks-left", "--seeds", "1", "--jobs", "1"]
            arguments += ["--schedules", "2", "--budget", "20"]
        if arguments[0] == "patrol":
            arguments += ["--schedules", "4", "--jobs", "1"]
        if arguments[0] == "matrix":
            arguments += ["--storms", "sequential", "--repeat", "1", "--jobs", "2"]
            arguments += [] if "--targets" in arguments else ["--targets", "reference"]
    environment = {name: value for name, value in os.environ.items() if name not in SET}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=MAIN_JOB_S_MAX if command == MAIN_JOB else 280,
    )


def _as_found(argument: str, folder: Path) -> str:
    """The path of a simulated failure with the number of the schedule that failed in this release."""
    prefix = next((one for one in (SIMULATED, OF_PYTHON) if argument.startswith(one)), None)
    if prefix is None:
        return argument
    runs = folder / "patchstorm-runs"
    if prefix == OF_PYTHON and not any(runs.glob(f"{Path(prefix).name}*")):
        run(EXPLORED, folder)
    found = next(iter(runs.glob(f"{Path(prefix).name}*")))
    return str(Path("patchstorm-runs", found.name, *Path(argument).parts[2:]))


@pytest.fixture(scope="module")
def caught(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A directory as the documents assume it, and what the README's example printed there."""
    folder = tmp_path_factory.mktemp("documents")
    reference = resources.files("patchstorm.target") / "bundled" / "reference.toml"
    for name in ("my-server.toml", "mine.toml", "my-own.toml"):
        (folder / name).write_text(reference.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "my-storm.toml").write_text(MY_STORM, encoding="utf-8")
    write_files(TOP / "docs" / "your-python-server.md", folder)
    done = run(CAUGHT, folder)
    assert done.returncode == 1, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def stormed(caught: tuple[Path, str]) -> Path:
    """The same directory with what real processes leave, which README does not go on from."""
    folder, _ = caught
    run("patchstorm run sequential --out runs", folder)
    for _ in range(CONVICTION_TRIES):  # a race: nearly every time, not every time
        if run(CAUGHT_LIVE, folder).returncode == 1:
            break
    else:
        raise AssertionError(f"{CAUGHT_LIVE}: not caught in {CONVICTION_TRIES} runs")
    return folder


def skip_without_servers(command: str) -> None:
    """Skip a command that needs a server of others which is not installed here."""
    for word in re.split(r"[\s,]+", command):
        if word.partition(":")[0] not in bundled_names():
            continue
        if (reason := not_installed(resolve(word))) is not None:
            pytest.skip(f"{word}: {reason}")


def skip_without_a_guest() -> None:
    try:
        find_machine(MEMORY_MIB)
    except UnavailableStorage as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("command", as_parameters(one for one in COMMANDS if one != MAIN_JOB))
def test_a_shown_command_runs(
    command: str, caught: tuple[Path, str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    skip_without_servers(command)
    if GUEST in command or ("litmus" in command and "nfs" in command):
        skip_without_a_guest()
    if command not in FIRST_READ:
        request.getfixturevalue("stormed")
    writes = command.startswith("patchstorm target new")  # and overwrites nothing
    done = run(command, tmp_path if writes else caught[0])
    if done.returncode == 2 and "--world containers" in command:
        pytest.skip(done.stdout + done.stderr)  # the machine cannot, and the command said why
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout or done.stderr, "it says something"


@pytest.mark.slow
@pytest.mark.timeout(MAIN_JOB_S_MAX + 20)
def test_the_main_job_finds_the_reference_safe(tmp_path: Path) -> None:
    assert MAIN_JOB in COMMANDS
    done = run(MAIN_JOB, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    verdicts = {row[0]: row[1:] for row in rows if row and row[0] in library.names()}
    assert set(verdicts) == set(library.names())
    words = {word for row in verdicts.values() for word in row}
    assert "safe" in words and words.isdisjoint({"violated", "unknown"})
    assert list(tmp_path.iterdir()) == []


KINDS = {
    "header": r"scenario +verdict +schedules +steps +seconds +remark",
    "row": r"replaying +violated +\d+ +\d+ +\d+\.\d  [a-z, ]+",
    "sizes": r"Sizes were scaled down .+",
    "shrinking": r"Shrinking took \d+\.\d s, \d+% of the work",
    "tally": r"1 violated in \d+\.\d s",
    "headline": r"replaying against reference:append in sim, seed 1: violated",
    "finding": rf"  ({'|'.join(checker.name for checker in CHECKERS)}): .+",
    "ranges": r"    bytes \[\d+, \d+\).*",
    "request": r"     step +\d+  (replica \d)? +op \d+ .+",
    "step": r"     step +\d+  (replica \d)? +.+",
    "cause": r"  -> step +\d+  (replica \d)? +.+ <- .+",
    "scaled": r"Sizes were scaled down for the simulator in .+",
    "rest": r"  and by [a-z, ]+",
    "replay": rf"patchstorm replay {SIMULATED}\d+/failure\.json",
}


def kinds(text: str) -> list[str]:
    """What each line that is not empty is; a line of no known kind stands for itself."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return [
        next((kind for kind, shape in KINDS.items() if re.fullmatch(shape, line)), line)
        for line in lines
    ]


def test_the_readme_shows_what_really_comes(caught: tuple[Path, str]) -> None:
    text = (TOP / "README.md").read_text(encoding="utf-8")
    example = text.partition(f"$ {CAUGHT}\n")[2].partition("```")[0]
    real, told = kinds(caught[1]), kinds(example)
    assert set(real) <= set(KINDS), "a kind of line that this test does not know"
    assert set(told) <= set(KINDS)
    for kind in ("header", "row", "tally", "headline", "finding", "request", "cause", "replay"):
        assert kind in told and kind in real
    assert told[-1] == real[-1] == "replay"
    assert told[:5] == real[:5]


def told(text: str) -> list[str]:
    """The claims and steps that a text shows, without the indentation of its surroundings."""
    return [line.rstrip() for line in text.splitlines() if re.match(r" *(-> )? *step +\d+ ", line)]


def test_the_readme_shows_the_very_lines_that_come(caught: tuple[Path, str]) -> None:
    """All but the measured seconds, and the table's padding."""
    text = (TOP / "README.md").read_text(encoding="utf-8")
    example = text.partition(f"$ {CAUGHT}\n")[2].partition("```")[0]
    shown, came = example.splitlines(), [line.rstrip() for line in caught[1].splitlines()]
    begin = next(at for at, line in enumerate(shown) if "against" in line)
    assert shown[begin:] == came[came.index(shown[begin]) :]
    assert shown[1].split()[:4] == came[1].split()[:4]


@pytest.mark.parametrize("name", ["results.md", "simulator.md"])
def test_documents_show_steps_that_come(name: str, caught: tuple[Path, str]) -> None:
    lines = {line.strip() for line in told(caught[1])}
    shown = [line.strip() for line in told((TOP / "docs" / name).read_text(encoding="utf-8"))]
    assert shown
    assert [line for line in shown if line not in lines] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            assert (path.parent / link).exists(), link


def test_the_index_names_every_document() -> None:
    index = (TOP / "docs" / "index.md").read_text(encoding="utf-8")
    missing = [
        path.name
        for path in TOP.glob("docs/*.md")
        if path.name != "index.md" and path.name not in index
    ]
    assert missing == []
