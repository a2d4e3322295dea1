"""``patchstorm replay``: the plan of a failure, run again and again.

In the simulator one run tells, as long as the recorded choices find their steps; a half fix shifts those,
and so the schedules near the recorded one are asked as well. In a live world the operating system decides
the order, so a race need not come back every time: what is reported is how often it did.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from patchstorm.check.weight import same_cause
from patchstorm.commands.places import writable_dir
from patchstorm.commands.stepping import asked_for
from patchstorm.errors import UsageError

if TYPE_CHECKING:
    from patchstorm.campaign.failure import Failure
    from patchstorm.campaign.simulated import Repeated
    from patchstorm.campaign.single import Replayed
    from patchstorm.target.model import Target

TIMES_DEFAULT: Final = 5
TIMES_MAX: Final = 10_000
NEAR_FILE: Final = "nearby.json"
EDITED: Final = (
    "The choices in the file are not those that were recorded: somebody has changed them, so this was "
    "another run. Take the file as it was written."
)


def execute(
    path: Path | None,
    *,
    times: int | None,
    out: Path | None,
    target: str | None,
    near: int | None,
    corpus: Path | None = None,
) -> int:
    """Replay the failure at ``path``; 1 when a violation came back, 0 when not, 2 if that cannot be told.

    Without a path, all that ``corpus`` holds.
    """
    from patchstorm.campaign.failure import failure_at, read_failure
    from patchstorm.campaign.nearby import NEAR_DEFAULT, NEAR_MAX
    from patchstorm.campaign.replay_target import replay_target
    from patchstorm.worlds.registry import world_of

    if times is not None and not 1 <= times <= TIMES_MAX:
        raise UsageError(f"--times {times}: give a number from 1 to {TIMES_MAX}.")
    if near is not None and not 0 <= near <= NEAR_MAX:
        raise UsageError(f"--near {near}: give a number from 0 to {NEAR_MAX}.")
    if path is None:
        from patchstorm.commands.corpus import corpus_at
        from patchstorm.commands.replay_corpus import execute as execute_all

        kept = corpus_at(corpus, none=False)
        assert kept is not None
        return execute_all(
            kept, times=times or TIMES_DEFAULT, near=NEAR_DEFAULT if near is None else near,
            target=target, out=out,
        )  # fmt: skip
    if corpus is not None:
        sys.stderr.write("--corpus is for replaying all of it: a failure was named\n")
    path = failure_at(path)
    failure = read_failure(path)
    aim, said = (None, None) if failure.own and target is None else replay_target(failure, target)
    if said is not None:
        sys.stderr.write(f"{said}\n")
    if world_of(failure.world).searches:
        if not failure.findings and near is None:
            near = 0  # a seed: it tells how the store fares today, and nothing is missed near it
        if times is not None:
            sys.stderr.write("--times is for real processes: a simulated run repeats bit for bit\n")
        if out is not None:
            sys.stderr.write("--out takes only what is found near a simulated failure\n")
        count = NEAR_DEFAULT if near is None else near
        return _simulated(failure, path, aim, target, count, out)
    if near is not None:
        sys.stderr.write("--near is for the simulator: real processes take their own order\n")
    return _live(failure, path, aim, target, TIMES_DEFAULT if times is None else times, out)


def _live(
    failure: Failure,
    path: Path,
    aim: Target | None,
    instead: str | None,
    times: int,
    out: Path | None,
) -> int:
    from patchstorm.campaign.single import replay_live

    often = f"{times} time{'s' * (times > 1)}"
    against = failure.target if aim is None else aim.name
    sys.stderr.write(f"running the plan of {failure.scenario} against {against} {often}\n")
    with _folder(out) as folder:
        replayed = replay_live(failure, target=aim, repeats=times, out_dir=folder)
    return _tell(replayed, failure, path, instead)


def _simulated(
    failure: Failure,
    path: Path,
    aim: Target | None,
    instead: str | None,
    near: int,
    out: Path | None,
) -> int:
    """One run of the recorded schedule tells, if it is that run; else those near it are asked, too."""
    from patchstorm.campaign.failure import violation
    from patchstorm.campaign.replay_target import made_elsewhere
    from patchstorm.campaign.simulated import keep_nearby, replay
    from patchstorm.report.console import console_on, tell_violation
    from patchstorm.worlds.sim.app import subject_of

    def looking() -> None:
        sys.stderr.write(
            f"the recorded schedule is not violated as it was; running {near} near it\n"
        )

    console = console_on(sys.stdout)
    subject = None if aim is None else subject_of(aim)
    again = replay(failure, subject, near_count=near, before_near=looking)
    near_one = again.nearby is not None and again.nearby.found is not None
    if again.ran.findings and not near_one:
        console.print(f"{_how(failure, again)}\n", soft_wrap=True)
        found = msgspec.structs.replace(failure, findings=again.ran.findings, story=again.story)
        tell_violation(asked_for(violation(found, path), instead), console)
        return 1
    if not again.ran.findings:
        console.print(_followed(failure, again), soft_wrap=True)
    if again.nearby is not None and again.nearby.found is not None:
        small = again.nearby.found
        console.print(f"The schedule {again.nearby.runs} near it is violated.\n", soft_wrap=True)
        named = failure if instead is None else msgspec.structs.replace(failure, target=instead)
        place = (out or path.parent) / NEAR_FILE
        story = keep_nearby(place, named, small)
        found = msgspec.structs.replace(named, findings=small.ran.findings, story=story)
        tell_violation(violation(found, place), console)
        return 1
    if again.nearby is not None:
        console.print(f"None of {again.nearby.runs} schedules near it is violated.", soft_wrap=True)
    if again.verdict == "safe":
        return 0
    elsewhere = made_elsewhere(failure)
    if elsewhere is not None:
        console.print(f"It was {elsewhere}.", soft_wrap=True)
    console.print(
        "Cannot tell whether the violation is gone. Search again: "
        f"patchstorm explore {failure.scenario} --target {instead or failure.target}",
        soft_wrap=True,
    )
    return 2


def _how(failure: Failure, again: Repeated) -> str:
    if not again.reproduced:
        return "The recorded schedule is violated, but otherwise than it was."
    same = "bit for bit" if again.exact else "though its history is no longer the same"
    if failure.made_by is None and not again.exact:
        same = "as far as can be told: an earlier release wrote histories in another form"
    return f"The violation came back, {same}."


def _followed(failure: Failure, again: Repeated) -> str:
    """What became of the recorded schedule, which is not violated."""
    if not failure.findings and again.ran.unknown is None:
        return "A seed: nothing was violated in it when it was kept, and nothing is now."
    if again.ran.unknown is not None:
        return f"The recorded schedule could not be judged: {again.ran.unknown}."
    if again.edited and again.placed == again.choices:
        return f"The violation did not come back. {EDITED}"
    if again.placed == again.choices:
        return "The violation did not come back: every recorded choice found its step."
    return (
        f"The recorded schedule could not be followed: {again.placed} of {again.choices} choices found "
        "their step, so this was another run."
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


def _tell(replayed: Replayed, failure: Failure, path: Path, instead: str | None) -> int:
    """How often it came back, and the story of the first time that it did."""
    from patchstorm.report.console import console_on, tell_violation
    from patchstorm.report.story import remark

    console = console_on(sys.stdout)
    reports = [result.report for result in replayed.results]
    inconclusive = [report for report in reports if report.verdict in (None, "unknown")]
    if inconclusive:
        said = f"{len(inconclusive)} runs could not tell: {remark(inconclusive[0])}"
        console.print(said, soft_wrap=True)
    if len(inconclusive) == len(reports):
        console.print("Nobody can say whether the violation is gone.", soft_wrap=True)
        return 2
    told = len(reports) - len(inconclusive)
    console.print(
        f"The violation came back in {replayed.reproduced} of {told} runs.", soft_wrap=True
    )
    violated = replayed.violated
    if not violated:
        if failure.edited:
            console.print(EDITED, soft_wrap=True)
            return 2
        return 0
    likewise = [report for report in violated if same_cause(failure.findings, report.findings)]
    if not likewise:
        console.print(f"Violated otherwise than it was: {len(violated)} of {told}.", soft_wrap=True)
    again = (likewise or violated)[0]
    console.print()
    tell_violation(asked_for(msgspec.structs.replace(again, failure=str(path)), instead), console)
    return 1
