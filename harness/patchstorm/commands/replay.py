"""``patchstorm replay``: the plan of a failure, run again and again.

In the simulator one run tells. In a live world the operating system decides the order, so a race need
not come back every time: what is reported is how often it did.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from patchstorm.commands.places import writable_dir
from patchstorm.errors import UsageError
from patchstorm.report.model import RunReport

if TYPE_CHECKING:
    from patchstorm.campaign.failure import Failure
    from patchstorm.campaign.single import Replayed

TIMES_MAX: Final = 10_000


def execute(path: Path, *, times: int, out: Path | None) -> int:
    """Replay the failure at ``path``; 1 when the violation came back, 0 when not, 2 if none ran."""
    from patchstorm.campaign.failure import read_failure
    from patchstorm.campaign.single import replay_live

    if not 1 <= times <= TIMES_MAX:
        raise UsageError(f"--times {times}: give a number from 1 to {TIMES_MAX}.")
    failure = read_failure(path)
    if failure.world == "sim":
        return _simulated(failure, path)
    often = f"{times} time{'s' * (times > 1)}"
    sys.stderr.write(f"running the plan of {failure.scenario} against {failure.target} {often}\n")
    with _folder(out) as folder:
        replayed = replay_live(failure, repeats=times, out_dir=folder)
    return _tell(replayed, failure, path)


def _simulated(failure: Failure, path: Path) -> int:
    """In the simulator once is enough: the schedule is in the file, and a run repeats bit for bit."""
    from patchstorm.campaign.simulated import replay
    from patchstorm.report.console import console_on, tell_violation

    again = replay(failure)
    console = console_on(sys.stdout)
    if not again.reproduced:
        console.print(
            "The violation did not come back: the store or the harness has changed.", soft_wrap=True
        )
        return 0
    same = "bit for bit" if again.exact else "though its history is no longer the same"
    console.print(f"The violation came back, {same}.\n", soft_wrap=True)
    found = msgspec.structs.replace(failure, findings=again.ran.findings, story=again.story)
    tell_violation(violation(found, path), console)
    return 1


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
    )


@contextlib.contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """Where the runs keep their files: for good in ``out``, else only while they run."""
    if out is not None:
        writable_dir(out, "--out")
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="patchstorm-") as folder:
        yield Path(folder)


def _tell(replayed: Replayed, failure: Failure, path: Path) -> int:
    """How often it came back, and the story of the first time that it did."""
    from patchstorm.report.console import console_on, tell_violation
    from patchstorm.report.story import remark

    console = console_on(sys.stdout)
    reports = [result.report for result in replayed.results]
    inconclusive = [report for report in reports if report.verdict in (None, "unknown")]
    if inconclusive:
        said = f"{len(inconclusive)} runs could not tell: {remark(inconclusive[0])}"
        console.print(said, soft_wrap=True)
    console.print(
        f"The violation came back in {replayed.reproduced} of {len(reports)} runs.", soft_wrap=True
    )
    if not replayed.reproduced:
        return 2 if len(inconclusive) == len(reports) else 0
    again = next(
        report
        for report in reports
        if failure.checkers & {finding.checker for finding in report.findings}
    )
    console.print()
    tell_violation(msgspec.structs.replace(again, failure=str(path)), console)
    return 1
