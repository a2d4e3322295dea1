"""The file that a failed storm leaves, from which it can be run again.

It holds the whole plan, not only the seed: a plan outlives the scenario file it was drawn from. It is sent to
other people and lies in the artefacts of CI, so it names nothing by a path of the machine that wrote it, and
carries the text of a target's file.
"""

from __future__ import annotations

import os
import platform
import shlex
from pathlib import Path

import msgspec

from patchstorm import __version__
from patchstorm.check.model import Finding
from patchstorm.choice.schedule import VERSION as SCHEDULES
from patchstorm.choice.schedule import Schedule, check_version
from patchstorm.errors import UsageError
from patchstorm.legible import legible_line
from patchstorm.reading import FAILURE_BYTES_MAX, NOT_DECODED, read_bytes
from patchstorm.report.model import RunReport
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.plausible import check_plan
from patchstorm.target.registry import is_path
from patchstorm.worlds.registry import names, world_of

FORMAT = "patchstorm-failure"
VERSION = 1
FAILURE_FILE = "failure.json"
_REPLAY = "patchstorm replay "


class Maker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What wrote a failure: the Python (``CPython 3.11.7``) and the release of Patchstorm."""

    python: str
    patchstorm: str

    @staticmethod
    def here() -> Maker:
        """This very program."""
        python = f"{platform.python_implementation()} {platform.python_version()}"
        return Maker(python=python, patchstorm=__version__)


class Failure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A violation and all that is needed to meet it again.

    ``target`` is a name, or the path of a target's file: in the failure's own file it is relative to that,
    and whoever reads the file finds it whole. ``target_text`` is what stood in the target's file.
    ``history`` is the path of the history, relative to the failure's own file. ``storage`` is what was
    asked for, None for the world's default. ``command`` replays the file. ``schedule`` is what the
    simulator's world repeats bit for bit, and ``story`` tells the steps that mattered in it. ``own``: the
    target is a store that a program handed in, and no name stands for its code. ``made_by``: None in files
    that earlier releases left. ``mark`` is that of the schedule when the file was written.
    """

    format: str = FORMAT
    version: int = VERSION
    world: str
    scenario: str
    target: str
    seed: int
    index: int
    replicas: int
    storage: str | None = None
    plan: Plan
    findings: tuple[Finding, ...]
    history: str | None = None
    schedule: Schedule | None = None
    story: tuple[str, ...] = ()
    command: str = ""
    own: bool = False
    target_text: str | None = None
    made_by: Maker | None = None
    mark: str | None = None

    @property
    def edited(self) -> bool:
        """Whether choices were changed in the file, so that it says nothing of what was recorded."""
        if self.mark is None or self.schedule is None:
            return False
        return self.schedule.mark != self.mark


def replay_call(path: Path) -> str:
    """What a program calls to replay the failure at ``path`` of a store that it brought itself."""
    return f"patchstorm.api.replay(patchstorm.api.load_failure({str(path)!r}), subject=...)"


def write_failure(path: Path, failure: Failure, *, called: str | None = None) -> None:
    """Write ``failure`` as indented JSON; ``called``: the name that ``path`` is about to get."""
    target = failure.target
    if not failure.own and is_path(target):
        target = f"./{os.path.relpath(target, path.parent)}"
    command = failure.command
    if command.startswith(_REPLAY):
        command = f"{_REPLAY}{shlex.quote(called or path.name)}"
    mark = None if failure.schedule is None else failure.schedule.mark
    kept = msgspec.structs.replace(failure, target=target, command=command, mark=mark)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")


def replay_command(path: Path) -> str:
    """What is typed to replay the failure at ``path``."""
    return f"{_REPLAY}{shlex.quote(str(path))}"


def failure_at(path: Path) -> Path:
    """The file of a failure, where that or the directory that it lies in was named."""
    return path / FAILURE_FILE if path.is_dir() else path


def read_failure(path: Path) -> Failure:
    """The failure in the file at ``path``; UsageError if it holds none that this version can read."""
    data = read_bytes(
        path,
        "Give the path of a failure file; a violated run names its own in its last line.",
        FAILURE_BYTES_MAX,
    )
    try:
        mark = msgspec.json.decode(data, type=_Mark)
        if (mark.format, mark.version) != (FORMAT, VERSION):
            raise UsageError(
                f"{path}: is `{legible_line(mark.format)}` version {mark.version}; this patchstorm reads "
                f"`{FORMAT}` version {VERSION}. Replay it with the version that wrote it."
            )
        if mark.schedule is not None:
            runs = world_of(mark.world).schedules if mark.world in names() else SCHEDULES
            check_version(mark.schedule.get("version"), str(path), runs)
            if "choices" not in mark.schedule:  # without them it is another run, and mostly safe
                raise UsageError(
                    f"{path}: schedule.choices is missing, so nothing says what to repeat. Take the "
                    "file as it was written, or search again with its scenario, target and seed."
                )
        failure = msgspec.json.decode(data, type=Failure)
    except NOT_DECODED as error:
        raise UsageError(f"{path}: is not a failure file: {error}.") from None
    check_plan(failure.plan, str(path))
    return _whole(failure, path)


def violation(failure: Failure, path: Path) -> RunReport:
    """The report of a failure that lies at ``path``."""
    return RunReport(
        scenario=failure.scenario,
        target=failure.target,
        world=failure.world,
        seed=failure.seed,
        verdict="violated",
        findings=failure.findings,
        failure=str(path),
        story=failure.story,
        replay=replay_call(path) if failure.own else msgspec.UNSET,
    )


def _whole(failure: Failure, path: Path) -> Failure:
    """``failure`` with its paths as they are seen from here."""
    target, command = failure.target, failure.command
    if not failure.own and is_path(target):
        target = os.path.normpath(path.resolve().parent / target)
    if failure.own:
        command = replay_call(path)
    elif command.startswith(_REPLAY):
        command = replay_command(path)
    return msgspec.structs.replace(failure, target=target, command=command)


class _Mark(msgspec.Struct):
    format: str
    version: int
    world: str = ""
    schedule: dict[str, object] | None = None
