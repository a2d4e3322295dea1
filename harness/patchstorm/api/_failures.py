"""Judging what was recorded, telling it, and meeting a failure again."""

from __future__ import annotations

from pathlib import Path

from patchstorm.campaign.failure import Failure
from patchstorm.campaign.simulated import Repeated
from patchstorm.check.model import Judgement, Ruled
from patchstorm.check.verdict import Verdict
from patchstorm.history.model import History
from patchstorm.report.model import RunReport
from patchstorm.worlds.sim.app import Subject


def load_history(path: Path) -> History:
    """The history in a file, whoever recorded it (``docs/history.md``).

    Raises :class:`UsageError` naming file, line and remedy.
    """
    from patchstorm.history import read_history

    return read_history(path)


def judge(history: History) -> tuple[Judgement, ...]:
    """What every checker says of ``history``: findings, or why it could not tell or does not apply."""
    from patchstorm.check import judge as judged

    return judged(history)


def verdict(judgements: tuple[Judgement, ...]) -> Verdict:
    """What judgements come to together: violated beats unknown beats safe; nothing judged is unknown."""
    from patchstorm.check import verdict as folded

    return folded(judgements)


def explain(report: RunReport) -> str:
    """What a person should read of a run: the headline, the story, and last the command that replays it."""
    from patchstorm.report.story import headline, remark, story

    if report.verdict == "violated":
        return "\n".join([headline(report), *story(report)])
    return f"{headline(report)}: {remark(report)}"


def explain_rule(rule: Ruled) -> str:
    """What a rule of the protocol demands, where it stands, and the exchange that it was put to, in lines."""
    from patchstorm.report.junit import exchange

    return "\n".join(exchange(rule))


def load_failure(path: Path) -> Failure:
    """The failure in a file that a violated run left. Raises :class:`UsageError` for any other file."""
    from patchstorm.campaign.failure import read_failure

    return read_failure(path)


def replay(failure: Failure, *, subject: Subject | None = None, near: int = 0) -> Repeated:
    """Run a simulated failure once more, step by step; ``subject`` is the store, where it has no name.

    If it is not violated, ``near`` schedules near the recorded one are run, since a fix may only have moved
    the race to other steps.

    Raises :class:`UsageError` for a failure of real processes, or of a release whose steps meant others.
    """
    from patchstorm.campaign.simulated import replay as again

    return again(failure, subject, near_count=near)


def came_back(
    path: Path, *, subject: Subject | None = None, times: int = 5, near: int = 300
) -> str | None:
    """Run the failure at ``path`` again: the story where a violation comes back, None where none does.

    This is what a test that keeps a failure asks (``patchstorm pin``). In the simulator the recorded schedule
    is run and, if that is not violated, ``near`` schedules near it, since a fix shifts steps; with real
    processes the plan is run ``times`` times. ``subject`` is the store, where it has no name.

    Raises :class:`UsageError` as :func:`replay` does, :class:`InconclusiveError` where no run could tell.
    """
    from patchstorm.campaign.pinned import came_back as again

    report = again(path, subject, times=times, near=near)
    return None if report is None else explain(report)


def shrink(path: Path, out: Path, *, subject: Subject | None = None) -> Failure:
    """Make the simulated failure at ``path`` smaller until every choice left is needed; written to ``out``.

    Raises :class:`UsageError` as :func:`replay` does.
    """
    from patchstorm.campaign.failure import read_failure
    from patchstorm.campaign.simulated import shrink_file

    shrink_file(path, out, subject)
    return read_failure(out)
