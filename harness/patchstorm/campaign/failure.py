"""The file that a failed storm leaves, from which it can be run again.

It holds the whole plan, not only the seed: a plan outlives the scenario file it was drawn from.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from patchstorm.check.model import Finding
from patchstorm.choice.schedule import Schedule, check_version
from patchstorm.errors import UsageError
from patchstorm.scenario.plan import Plan

FORMAT = "patchstorm-failure"
VERSION = 1


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A violation and all that is needed to meet it again.

    ``history`` is the path of the history, relative to the failure's own file. ``storage`` is what
    was asked for, None for the world's default. ``command`` replays the file. ``schedule`` is what
    the simulator's world repeats bit for bit, and ``story`` tells the steps that mattered in it. ``own``: the
    target is a store that a program handed in, and no name stands for its code.
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

    @property
    def checkers(self) -> frozenset[str]:
        """The checkers that found something."""
        return frozenset(finding.checker for finding in self.findings)


def replay_call(path: Path) -> str:
    """What a program calls to replay the failure at ``path`` of a store that it brought itself."""
    return f"patchstorm.api.replay(patchstorm.api.load_failure({str(path)!r}), subject=...)"


def write_failure(path: Path, failure: Failure) -> None:
    """Write ``failure`` as indented JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(failure), indent=2) + b"\n")


def read_failure(path: Path) -> Failure:
    """The failure in the file at ``path``; UsageError if it holds none that this version can read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}). Give the path of a failure file; "
            "a violated run names its own in its last line."
        ) from None
    try:
        mark = msgspec.json.decode(data, type=_Mark)
        if (mark.format, mark.version) != (FORMAT, VERSION):
            raise UsageError(
                f"{path}: is `{mark.format}` version {mark.version}; this patchstorm reads "
                f"`{FORMAT}` version {VERSION}. Replay it with the version that wrote it."
            )
        if mark.schedule is not None:
            check_version(mark.schedule.get("version"), str(path))
        return msgspec.json.decode(data, type=Failure)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: is not a failure file: {error}.") from None


class _Mark(msgspec.Struct):
    format: str
    version: int
    schedule: dict[str, object] | None = None
