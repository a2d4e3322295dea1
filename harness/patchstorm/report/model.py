"""The result of one storm, and of a whole command: the shape that ``--json`` prints.

Findings keep the keys of the contract: checker, summary, upload, ranges, operations.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from patchstorm.check.model import Finding, Ruled
from patchstorm.check.tried import Point
from patchstorm.check.verdict import Verdict, folded


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs of the same plans, the first included, were violated."""

    violated: int
    runs: int


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What made a report, where and when: versions, the host, the day, and how many seconds it took."""

    patchstorm: str
    python: str
    machine: str
    date: str
    seconds: float


class Pairs(msgspec.Struct, frozen=True, kw_only=True):
    """Which pairs of features met in a storm that composes itself.

    ``dimensions`` are the kinds of features, and ``cells`` has for two of them how many pairs met of how many
    that can. ``never`` are pairs that can meet and have not, at most NEVER_KEPT, of ``never_all``. ``apart``
    counts pairs that cannot meet, by reason; ``absent`` are features that are not to be had, with the reason.
    """

    dimensions: tuple[str, ...]
    cells: tuple[tuple[str, str, int, int], ...]
    never: tuple[tuple[str, str], ...]
    never_all: int
    apart: dict[str, int]
    absent: dict[str, str]


NEVER_KEPT: Final = 200


class CrashPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A run in which a replica died right before or right after one of its calls.

    ``path`` is told as every run would: uploads and minted names by the order in which they came up.
    ``verdict`` is None where that call did not come up again. ``failure`` is what replays it. ``harmless``:
    what is violated leaves no byte lost, wrong or out of reach (``check.weight``): files are left behind.
    """

    replica: int
    call: str
    path: str
    detail: str = ""
    moment: Literal["before", "after"]
    verdict: Verdict | None
    checkers: tuple[str, ...] = ()
    failure: str | None = None
    harmless: bool = False


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """One storm against one target in one world.

    ``verdict`` is None when the storm was skipped, and ``skipped`` says why. ``failure`` is the path
    of a file that ``patchstorm replay`` takes, and ``story`` tells it step by step where the world knows
    the steps; to make it small took ``shrinking_s``, which ``seconds`` does not hold. ``replay`` is what
    replays ``failure`` where that command cannot. ``others`` are the files of
    failures from other causes, where a search went on after the first. ``notes`` are remarks that change no
    verdict. ``steps`` are the simulator's steps, or the requests made in a live world. ``points`` are what
    the storm is for, each reached or not. ``rate`` is filled where a violation in a live world was run again.
    ``scaled`` says which sizes the simulator made smaller. ``histories`` are the files in which runs of real
    processes were kept, ``pairs`` is what met where a storm composes itself, and ``rules`` are those of the
    protocol that were put to answers. ``crash_points`` is filled where each was tried.
    """

    scenario: str
    target: str
    world: str
    seed: int
    verdict: Verdict | None
    schedules: int = 0
    steps: int = 0
    seconds: float = 0.0
    shrinking_s: float = 0.0
    digest: str | None = None
    skipped: str | None = None
    unknown: str | None = None
    findings: tuple[Finding, ...] = ()
    failure: str | None = None
    story: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()
    scaled: tuple[str, ...] = ()
    rate: Rate | None = None
    replay: str | msgspec.UnsetType = msgspec.UNSET
    histories: tuple[str, ...] = ()
    rules: tuple[Ruled, ...] = ()
    pairs: Pairs | msgspec.UnsetType = msgspec.UNSET
    crash_points: tuple[CrashPoint, ...] | msgspec.UnsetType = msgspec.UNSET


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one command found. ``made`` is not set where nobody knows, as of failures gathered later.

    ``nothing`` says why nothing was to be run where that is no mistake: the verdict is unknown, and no error.
    ``interrupted`` is true where a signal ended it, and not set elsewhere: what had ended by then is here.
    """

    verdict: Verdict
    runs: tuple[RunReport, ...]
    made: Made | msgspec.UnsetType = msgspec.UNSET
    nothing: str | msgspec.UnsetType = msgspec.UNSET
    interrupted: bool | msgspec.UnsetType = msgspec.UNSET


def report_of(
    runs: tuple[RunReport, ...],
    *,
    made: Made | msgspec.UnsetType = msgspec.UNSET,
    interrupted: bool = False,
) -> Report:
    """What the storms come to together; if nothing ran, or not everything did, it is unknown at best."""
    return Report(
        verdict=folded((run.verdict for run in runs), interrupted=interrupted),
        runs=runs,
        made=made,
        interrupted=interrupted or msgspec.UNSET,
    )


def exit_code(verdict: Verdict) -> int:
    """0 nothing violated, 1 a violation, 2 unknown."""
    return {"safe": 0, "violated": 1, "unknown": 2}[verdict]
