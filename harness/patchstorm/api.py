"""What Patchstorm promises to programs: describe a server or a store, storm it, judge, replay, shrink.

Names in ``__all__`` keep their meaning from one minor release to the next, and what changes is in the change
log. All other modules are internal and may change at any release. ``docs/api.md`` shows every name at work.

Sizes are bytes, durations milliseconds where a name ends in ``_ms`` and seconds where one says so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from patchstorm.campaign.explore import Explored
from patchstorm.campaign.failure import Failure
from patchstorm.campaign.simulated import Repeated
from patchstorm.campaign.single import Replayed, StormResult
from patchstorm.check.model import Finding, Judgement
from patchstorm.check.verdict import Verdict
from patchstorm.dialect.wire import Wire
from patchstorm.errors import (
    InconclusiveError,
    NondeterminismError,
    PatchstormError,
    TargetError,
    UsageError,
)
from patchstorm.history.model import History
from patchstorm.report.model import RunReport
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Files, Start, Target
from patchstorm.worlds.sim.app import App, Conversation, Subject
from patchstorm.worlds.sim.port import SimPort
from patchstorm.worlds.sim.shims import Process
from patchstorm.worlds.sim.whole import Busy, Request, Response, WholeRequests

__all__ = [
    "App",
    "Busy",
    "Conversation",
    "Explored",
    "Failure",
    "Files",
    "Finding",
    "History",
    "InconclusiveError",
    "Judgement",
    "NondeterminismError",
    "PatchstormError",
    "Plan",
    "Process",
    "Repeated",
    "Replayed",
    "Request",
    "Response",
    "RunReport",
    "Scenario",
    "SimPort",
    "Start",
    "StormResult",
    "Subject",
    "Target",
    "TargetError",
    "UsageError",
    "Verdict",
    "WholeRequests",
    "Wire",
    "came_back",
    "draw_plan",
    "explain",
    "explore",
    "judge",
    "load_failure",
    "load_history",
    "load_scenario",
    "load_target",
    "parse_scenario",
    "replay",
    "run",
    "scenarios",
    "shrink",
    "subject",
    "verdict",
]


# -- storms and targets ---------------------------------------------------------------------------


def scenarios() -> tuple[Scenario, ...]:
    """Every bundled storm, in order of name."""
    from patchstorm.scenario.library import load_all

    return load_all()


def load_scenario(name: str | Path) -> Scenario:
    """The storm called ``name``: a bundled one, or the path of a TOML file.

    Raises :class:`UsageError` naming file, key and remedy.
    """
    from patchstorm.scenario.library import load

    return load(str(name))


def parse_scenario(text: str, *, name: str = "mine") -> Scenario:
    """The storm that a TOML text describes; ``name`` is what it is called from then on.

    Raises :class:`UsageError` naming key and remedy.
    """
    from patchstorm.scenario.schema import parse

    return parse(text, name=name, file=f"{name}.toml")


def load_target(name: str | Path) -> Target:
    """The target called ``name``: whatever ``--target`` takes, a TOML file's path included.

    Raises :class:`UsageError` naming file, line, key and remedy.
    """
    from patchstorm.target.registry import resolve

    return resolve(str(name))


def draw_plan(
    scenario: Scenario,
    target: Target,
    *,
    seed: int = 1,
    index: int = 0,
    replicas: int | None = None,
    storage: str | None = None,
) -> Plan:
    """One concrete storm of the family: who sends what, and when which fault strikes.

    A pure function: the same arguments give the same plan in any process. ``index`` counts the storms of a
    seed from 0; ``replicas`` and ``storage`` override the scenario's.

    Raises :class:`UsageError` for a number out of bounds, a storage that nobody has, and a client that would
    stand still for longer than it waits for an answer.
    """
    from patchstorm.scenario.draw import draw_plan as draw
    from patchstorm.scenario.runnable import too_patient

    reason = too_patient(scenario, target.wire.request_ms)
    if reason is not None:
        raise UsageError(f"{scenario.name}: {reason}")
    _check_asked(seed, replicas, storage, index=index)
    return draw(
        scenario, seed=seed, index=index, capabilities=target.capabilities, replicas=replicas,
        storage=storage,
    )  # fmt: skip


def subject(target: Target, build: Callable[[SimPort, str], App], *, sweep_ms: int = 0) -> Subject:
    """A synchronous Python store to be put into the simulator.

    ``build(port, root)`` is called at every start of a replica: ``port`` is what :class:`Process` makes the
    simulated modules of, ``root`` the absolute path of the shared directory. ``sweep_ms`` is how often the
    store's own cleaning runs; 0: it has none.
    """
    return Subject(target=target, build=build, sweep_ms=sweep_ms)


def _check_asked(seed: int, replicas: int | None, storage: str | None, *, index: int = 0) -> None:
    """UsageError for a number out of bounds, and for a storage that no world has."""
    from patchstorm.scenario.bounds import REPLICAS_MAX, SEED_MAX, between
    from patchstorm.worlds.registry import check_storage, names

    between("seed", seed, 0, SEED_MAX)
    between("index", index, 0, SEED_MAX)
    if replicas is not None:
        between("replicas", replicas, 1, REPLICAS_MAX)
    if storage is not None:
        check_storage(storage, names())


# -- storming -------------------------------------------------------------------------------------


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
) -> Explored:
    """Search the schedules of a storm in the simulator, until a violation or until the budget is spent.

    ``subject`` is a store of one's own, or the name of a target that the simulator has code for. The budget
    is ``schedules``, or ``seconds``; without either 200 schedules. ``collect`` goes on after a violation and
    keeps one of each cause; ``shrinks`` False leaves failures as they were found. ``jobs`` is how many
    processes search (None: as many as there are processors); a store of one's own is searched in this one
    unless ``jobs`` says otherwise. ``cluster``: a dask scheduler whose workers search instead
    (``docs/cluster.md``). Failures are written below ``out_dir``, or below a new temporary directory. A storm
    that no schedule brought to what it is for is unknown, unless ``allow_unreached``.

    Raises :class:`UsageError` for what was asked wrongly, :class:`NondeterminismError` naming the first step
    that differs when a schedule does not repeat. Ctrl-C ends the search with what it has.
    """
    from patchstorm.campaign.explore import explore as search

    _check_asked(seed, replicas, storage)
    own = subject if isinstance(subject, Subject) else None
    return search(
        scenario,
        subject.target.name if isinstance(subject, Subject) else subject,
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

    def anew() -> StormResult:
        return run_storm(
            scenario, target, seed=seed, world=world, storage=storage, replicas=replicas,
            out_dir=out_dir, keep_safe=keep_safe, allow_unreached=allow_unreached,
        )  # fmt: skip

    _check_asked(seed, replicas, storage)
    if corpus is None:
        return anew()
    if out_dir is None:
        raise UsageError("corpus: needs an out_dir, where what comes back is written.")
    storm = load_scenario(scenario) if isinstance(scenario, str) else scenario
    aim = load_target(target) if isinstance(target, str) else target
    return run_storm_again(
        Corpus(corpus), storm, aim, world=world, out_dir=out_dir, retry=retry, run=anew
    )


# -- judging --------------------------------------------------------------------------------------


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


# -- failures -------------------------------------------------------------------------------------


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
