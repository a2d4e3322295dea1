"""A share of the storms in which there is nothing to run, while the others have some.

Whoever starts four jobs for two storms has made no mistake, and no job of his is to fail for it. Nothing was
tried there either, so it is not safe: the result says that there was nothing to run.
"""

from __future__ import annotations

from collections.abc import Sequence

from patchstorm.campaign.skipping import reason_to_skip
from patchstorm.commands.storms import Job, Played
from patchstorm.target.model import Target


def nothing_to_run(
    share: str,
    every: Sequence[Job],
    played: Played,
    target: Target,
    *,
    seed: int,
    storage: str | None,
    replicas: int | None,
) -> str | None:
    """Why ``share`` of ``every`` storm asked for had nothing to run; None where that needs no excuse.

    None also where storms were left out because a time was over, and where no other share has a storm that
    is run: then nothing at all is, and whoever asked has to know.
    """
    if not played.reports:
        return f"nothing to run in this share: {share} of {_storms(every)} is empty"
    mine = {(job.world, job.scenario.name) for job, _ in played.reports}

    def skipped(job: Job) -> bool:
        return bool(
            reason_to_skip(
                job.scenario, target, job.world, seed=seed, storage=storage, replicas=replicas
            )
        )

    if any(run.verdict is not None for _, run in played.reports):
        return None
    if not all(skipped(job) for job, _ in played.reports):
        return None
    others = (job for job in every if (job.world, job.scenario.name) not in mine)
    if all(skipped(job) for job in others):
        return None
    return (
        f"nothing to run in this share: what {share} of {_storms(every)} has is skipped, "
        "and other shares have storms that are run"
    )


def _storms(every: Sequence[Job]) -> str:
    names = {job.scenario.name for job in every}
    return "1 storm" if len(names) == 1 else f"{len(names)} storms"
