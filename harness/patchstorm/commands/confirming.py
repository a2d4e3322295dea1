"""``patchstorm run --confirm N``: how often what real servers violated comes again.

Real processes race as they please: the same plan may end otherwise, and one violation alone does not say
how often. Schedules of the simulator repeat, so there is nothing to confirm.
"""

from __future__ import annotations

import msgspec

from patchstorm.commands.storms import Job, Play, Played, play_all
from patchstorm.report.loudness import NORMAL, Loudness
from patchstorm.report.model import Rate, RunReport
from patchstorm.worlds.registry import world_of


def confirmed(
    played: Played, play: Play, times: int, *, at_once: int, loudness: Loudness = NORMAL
) -> Played:
    """Run every violated plan ``times`` more, and write beside its report how many runs were violated."""
    from patchstorm.report.progress import progress

    suspects = [number for number, entry in enumerate(played.reports) if _confirmable(*entry)]
    if not suspects:
        return played
    jobs = [played.reports[number][0] for number in suspects for _ in range(times)]
    more = play_all(jobs, play, at_once=at_once, shown=progress(len(jobs), loudness))
    reports = list(played.reports)
    for number in suspects:
        job, first = reports[number]
        again = [run for other, run in more.reports if other is job and run.verdict is not None]
        runs = [first, *again]
        rate = Rate(violated=sum(run.verdict == "violated" for run in runs), runs=len(runs))
        reports[number] = (job, msgspec.structs.replace(first, rate=rate))
    return Played(reports=tuple(reports), interrupted=more.interrupted)


def _confirmable(job: Job, report: RunReport) -> bool:
    return report.verdict == "violated" and not world_of(job.world).searches
