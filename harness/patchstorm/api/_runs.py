"""Storming: a search in the simulator, or one run in any other world."""

from __future__ import annotations

from pathlib import Path

from patchstorm.api._storms import check_options
from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.explored import Explored
from patchstorm.errors import UsageError
from patchstorm.scenario.model import Scenario
from patchstorm.target.model import Target
from patchstorm.worlds.sim.app import Subject


def explore(
    scenario: Scenario | str,
    subject: Subject | str = "reference",
    *,
    seed: int = 1,
    schedules: int | None = None,
    seconds: float | None = None,
    strategy: str = "portfolio",
    storage: str | None = None,
    replicas: int | None = None,
    collect: bool = False,
    shrinks: bool = True,
    jobs: int | None = None,
    cluster: str | None = None,
    allow_unreached: bool = False,
    out_dir: Path | None = None,
    corpus: Path | None = None,
    retry: bool = True,
) -> Explored:
    """Search the schedules of a storm in the simulator, until a violation or until the budget is spent.

    ``subject`` is a store of one's own, or the name of a target that the simulator has code for. The budget
    is ``schedules``, or ``seconds``; without either 200 schedules. ``collect`` goes on after a violation and
    keeps one of each cause; ``shrinks`` False leaves failures as they were found. ``jobs`` is how many
    processes search (None: as many as there are processors); a store of one's own is searched in this one
    unless ``jobs`` says otherwise. ``cluster``: a dask scheduler whose workers search instead
    (``docs/cluster.md``). Failures are written below ``out_dir``, or below a new temporary directory. A storm
    that no schedule brought to what it is for is unknown, unless ``allow_unreached``; one that cannot be run
    has no verdict, and its report says why in ``skipped``.

    ``corpus`` is a directory of failures, as with :func:`run`: what was found in a store of one's own is not
    kept there, since nothing stands for its code the next time.

    Raises :class:`UsageError` for what was asked wrongly, :class:`NondeterminismError` naming the first step
    that differs when a schedule does not repeat. Ctrl-C ends the search with what it has.
    """
    from patchstorm.campaign.corpus import Corpus
    from patchstorm.campaign.explore import explore as search
    from patchstorm.campaign.retrying import explore_again
    from patchstorm.scenario import library

    check_options(seed=seed, replicas=replicas, storage=storage)
    own = subject if isinstance(subject, Subject) else None
    name = subject.target.name if isinstance(subject, Subject) else subject
    storm = library.given(scenario)

    def anew() -> Explored:
        return search(
            storm,
            name,
            seed=seed,
            schedules=schedules,
            seconds=seconds,
            strategy=strategy,
            jobs=jobs,
            cluster=cluster,
            storage=storage,
            replicas=replicas,
            collect=collect,
            minimise=shrinks,
            allow_unreached=allow_unreached,
            out_dir=out_dir,
            subject=own,
        )

    if corpus is None or own is not None:
        return anew()
    return explore_again(
        Corpus(corpus), storm, name, storage=storage, replicas=replicas,
        out_dir=_needed(out_dir), retry=retry, search=anew,
    )  # fmt: skip


def run(
    scenario: Scenario | str,
    target: Target | str,
    *,
    seed: int = 1,
    world: str = "processes",
    storage: str | None = None,
    replicas: int | None = None,
    out_dir: Path | None = None,
    keep_safe: bool = False,
    allow_unreached: bool = False,
    corpus: Path | None = None,
    retry: bool = True,
) -> StormResult:
    """Run one storm against real replicas in ``world``, and judge it.

    Histories, logs and the failure's file go below ``out_dir`` (None: a temporary directory, which stays only
    where there is something to look at); ``keep_safe`` keeps those of a safe run, too. The report of a storm
    that cannot be run there has no verdict and says why in ``skipped``; a target that does not start makes it
    unknown, and so does a storm that did not come to what it is for, unless ``allow_unreached``.

    ``corpus`` is a directory of failures (``docs/results.md``): those of this storm and target are tried
    first, unless ``retry`` is False, and what fails is kept there. It needs an ``out_dir``.

    Raises :class:`UsageError` for what was asked wrongly.
    """
    from patchstorm.campaign.corpus import Corpus
    from patchstorm.campaign.retrying import run_storm_again
    from patchstorm.campaign.single import run_storm
    from patchstorm.scenario import library
    from patchstorm.target import registry

    def anew() -> StormResult:
        return run_storm(
            scenario, target, seed=seed, world=world, storage=storage, replicas=replicas,
            out_dir=out_dir, keep_safe=keep_safe, allow_unreached=allow_unreached,
        )  # fmt: skip

    check_options(seed=seed, replicas=replicas, storage=storage)
    if corpus is None:
        return anew()
    return run_storm_again(
        Corpus(corpus),
        library.given(scenario),
        registry.given(target),
        world=world,
        out_dir=_needed(out_dir),
        retry=retry,
        run=anew,
    )


def _needed(out_dir: Path | None) -> Path:
    """The directory that a corpus needs beside it."""
    if out_dir is None:
        raise UsageError("corpus: needs an out_dir, where what comes back is written.")
    return out_dir
