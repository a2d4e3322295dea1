"""``patchstorm explore`` where real servers run: a search through orders that a world can make again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from patchstorm.commands.places import DEFAULT_OUT
from patchstorm.commands.searches import Request, end
from patchstorm.errors import UsageError

if TYPE_CHECKING:
    from patchstorm.campaign.conducted import Searched
    from patchstorm.campaign.corpus import Corpus
    from patchstorm.report.searching import Searching
    from patchstorm.scenario.model import Scenario
    from patchstorm.target.model import Target


def conduct(request: Request, corpus: Corpus | None) -> int:
    """Search the orders of real servers, one storm after the other."""
    from patchstorm.report.searching import Searching
    from patchstorm.scenario import library
    from patchstorm.target.registry import resolve

    if request.collect:
        raise UsageError(
            f"--collect: searches in the world {request.world} end with the first violation."
        )
    if not request.scenarios:
        raise UsageError(f"--world {request.world}: name the storms that are to be searched.")
    target = resolve(request.target)
    scenarios = [library.load(name) for name in dict.fromkeys(request.scenarios)]
    found: list[Searched] = []
    interrupted = None
    for scenario in scenarios:
        with Searching(scenario.name, request.loudness) as shown:
            found.append(_searched(request, scenario, target, shown))
        if found[-1].interrupted:
            interrupted = f"search {len(found)} of {len(scenarios)}"
            break
    return end(request, corpus, tuple(one.report for one in found), interrupted=interrupted)


def _searched(request: Request, scenario: Scenario, target: Target, shown: Searching) -> Searched:
    from patchstorm.campaign.conducted import Asked, search
    from patchstorm.campaign.dying import STRATEGY, enumerated

    asked = Asked(
        scenario=scenario, target=target, world=request.world, seed=request.seed,
        runs=request.schedules, seconds=request.seconds, strategy=request.strategy,
        storage=request.storage, replicas=request.replicas, claimed_only=not request.unclaimed,
        allow_unreached=request.allow_unreached, jobs=request.jobs,
        out_dir=request.out or DEFAULT_OUT, shown=shown.told,
    )  # fmt: skip
    return enumerated(asked) if asked.strategy == STRATEGY else search(asked)
