"""Many schedules of one storm in the simulator: within a budget, on all processors, until a violation.

The result does not depend on how many processes took part. Schedule ``i`` is a function of (seed,
scenario, i); a search that stops at the first violation stops at the one of the lowest index, and has
run everything below it. ``digest`` is SHA-256 over the schedules' history digests in order of index.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import msgspec

from patchstorm.campaign.cores import cores
from patchstorm.campaign.corpus import Corpus
from patchstorm.campaign.explored import Explored, Progress, pairs_of
from patchstorm.campaign.failure import replay_call
from patchstorm.campaign.fleet import Fleet, Given
from patchstorm.campaign.keeping import folder_of, keep_failure
from patchstorm.campaign.schedules import Search, Session, Told
from patchstorm.campaign.seeds import Recalled, Seeds
from patchstorm.campaign.skipping import session_skip_reason
from patchstorm.campaign.steered import Steered
from patchstorm.check.model import Finding
from patchstorm.check.tried import gathered
from patchstorm.check.verdict import Verdict, stated
from patchstorm.check.weight import minor, minor_alone
from patchstorm.choice.coverage import Seen
from patchstorm.errors import ClusterLostError, UsageError
from patchstorm.report.combine import rules_of
from patchstorm.report.model import RunReport
from patchstorm.report.reached import held
from patchstorm.scenario import library
from patchstorm.scenario.composing.steering import BLANK, Steering
from patchstorm.scenario.composing.table import Table, table_of
from patchstorm.scenario.model import Scenario
from patchstorm.worlds.sim.app import Subject
from patchstorm.worlds.sim.run import WORLD

SCHEDULES_DEFAULT = 200
SMALL_BUDGET = 64
"""Fewer schedules than this are not worth starting processes for."""
DISTINCT_MAX = 10


def explore(
    scenario: Scenario | str,
    target: str = "reference",
    *,
    seed: int = 0,
    schedules: int | None = None,
    seconds: float | None = None,
    strategy: str = "portfolio",
    jobs: int | None = None,
    cluster: str | None = None,
    storage: str | None = None,
    replicas: int | None = None,
    collect: bool = False,
    claimed_only: bool = True,
    allow_unreached: bool = False,
    minimise: bool = True,
    out_dir: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    subject: Subject | None = None,
    corpus: Corpus | None = None,
) -> Explored:
    """Explore one storm.

    Without ``schedules`` and ``seconds``, SCHEDULES_DEFAULT schedules. ``jobs`` None: all processors,
    or one for a small budget. ``cluster``: the address of a dask scheduler whose workers run the schedules
    instead, or ``local:N``. ``collect`` goes on after a violation and keeps one of each cause; after one that
    is minor (``check.weight``) every search goes on.
    ``claimed_only`` False judges also what the target does not claim. What no schedule reached makes the
    storm unknown, unless ``allow_unreached``. Failures are written below
    ``out_dir``, or below a new temporary directory. Raises UsageError for what was asked wrongly, and
    NondeterminismError when a schedule did not repeat. ``subject`` is the code to simulate where no name
    stands for it: it stays in this process, unless ``jobs`` says otherwise. ``corpus``: where the seeds of a
    composed storm lie, which are run first, and where those are kept that reached new pairs. Ctrl-C ends the
    search with what it has; so does a scheduler that goes away, and the storm is unknown then.
    """
    chosen = library.given(scenario)
    if schedules is None and seconds is None:
        schedules = SCHEDULES_DEFAULT
    search = Search(
        scenario=chosen, target=target, seed=seed, strategy=strategy, storage=storage,
        replicas=replicas, own=subject is not None,
    )  # fmt: skip
    session = Session.of(search) if subject is None else Session(search, subject)
    skipped = session_skip_reason(session, claimed_only=claimed_only)
    if skipped is not None:
        report = _report(search, session, verdict=None, skipped=skipped)
        return Explored(report=report, coverage=Seen().coverage(), virtual_seconds=0.0)
    if subject is not None and cluster is not None:
        raise UsageError(
            "cluster: a store that a program hands in has no name that others could load"
        )
    if jobs is None:
        jobs = 1 if subject is not None else None
    if jobs is None:
        jobs = 1 if schedules is not None and schedules <= SMALL_BUDGET else cores()
    run = _Exploration(search, session, schedules, seconds, collect, progress)
    if corpus is not None and chosen.compose is not None and not search.own:
        violated = run.begin_with(Seeds(corpus, session), folder_of(out_dir))
        if violated is not None:
            return violated
    run.go(Fleet(search, jobs, session, cluster=cluster, subject=subject))
    explored = run.explored(out_dir, minimise)
    report = held(explored.report, allow_unreached=allow_unreached)
    return replace(explored, report=report)


class _Exploration:
    def __init__(
        self,
        search: Search,
        session: Session,
        schedules: int | None,
        seconds: float | None,
        collect: bool,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._search = search
        self._session = session
        self._schedules = schedules
        self._seconds = seconds
        self._collect = collect
        self._progress = progress
        self._began = monotonic()
        self._told: dict[int, Told] = {}
        self._seen = Seen()
        self._steps = 0
        self._stop_at: int | None = None
        self._interrupted = False
        self._lost: str | None = None
        self._violations = 0
        self._found = ""
        self._at = 0
        self._seeds: Seeds | None = None
        self._recalled = Recalled()
        self._before = BLANK
        self._steer()

    def _steer(self) -> None:
        compose = self._search.scenario.compose
        self._session.steered = Steered(None if compose is None else compose.round, self._before)

    def begin_with(self, seeds: Seeds, out_dir: Path) -> Explored | None:
        """Run ``seeds`` first: one that is violated is the search's result, else they steer the first
        round. Ctrl-C among them ends the search."""
        self._seeds = seeds
        self._recalled = seeds.recall(out_dir, self._recalling)
        self._before = Steering().after(self._recalled.met.values())
        self._steer()
        self._interrupted = self._recalled.interrupted
        return self._recalled.violated

    def _recalling(self, done: int, of: int) -> None:
        if self._progress is not None:
            self._progress(replace(self._now(), schedules=done, budget=of))

    # -- searching ----------------------------------------------------------------------------------

    def go(self, fleet: Fleet) -> None:
        """Run until the budget is spent or, unless collecting, until a violation."""
        try:
            with fleet:
                while not self._interrupted and not self._spent():
                    self._round(fleet)
        except KeyboardInterrupt:
            self._interrupted = True
        except ClusterLostError as error:
            self._lost = str(error)

    def _round(self, fleet: Fleet) -> None:
        """All that may be run before anything is known of it: a round where there is steering, else the
        whole."""
        end, given = self._schedules, None
        steered = self._session.steered
        if steered.round is not None:
            number = self._at // steered.round
            whole = (number + 1) * steered.round
            end = whole if end is None else min(end, whole)
            given = Given(steered.round, number, steered.of(self._at).items())
        for batch in fleet.results(self._batches(fleet, end), given):
            for told in batch:
                self._take(told)

    def _spent(self) -> bool:
        if self._schedules is not None and self._at >= self._schedules:
            return True
        if self._seconds is not None and monotonic() - self._began >= self._seconds and self._at:
            return True
        return self._stop_at is not None and self._at > self._stop_at

    def _batches(self, fleet: Fleet, end: int | None) -> Iterator[range]:
        while (end is None or self._at < end) and not self._spent():
            at, self._at = self._at, self._at + fleet.batch
            if end is not None:
                self._at = min(self._at, end)
            yield range(at, self._at)

    def _take(self, told: Told) -> None:
        self._told[told.index] = told
        self._session.steered.take(told.index, told.met)
        self._steps += told.steps
        self._seen.add(told.fingerprint, told.pairs, bool(told.pairs))
        if told.verdict == "violated":
            self._violations += 1
            self._found = f"{told.findings[0].checker}: {told.findings[0].summary}"
            lowest = self._stop_at
            over = not self._collect and not minor_alone(told.findings)
            if over or len(self._causes()) >= DISTINCT_MAX:
                self._stop_at = told.index if lowest is None else min(lowest, told.index)
        if self._progress is not None:
            self._progress(self._now())

    def _causes(self) -> dict[tuple[bool, str], Told]:
        """The first schedule of each cause, by index.

        A cause is the checker that found it first, and whether it is minor.
        """
        causes: dict[tuple[bool, str], Told] = {}
        for index in sorted(self._told):
            told = self._told[index]
            if told.findings:
                first = told.findings[0]
                causes.setdefault((minor(first), first.checker), told)
        return causes

    def _now(self, *, shrinking: bool = False) -> Progress:
        return Progress(
            scenario=self._search.scenario.name,
            schedules=len(self._told),
            budget=self._schedules,
            steps=self._steps,
            seconds=monotonic() - self._began,
            coverage=self._seen.coverage() if len(self._told) % 32 == 0 else _NOTHING,
            violations=self._violations,
            found=self._found,
            shrinking=shrinking,
        )

    # -- telling ------------------------------------------------------------------------------------

    def explored(self, out_dir: Path | None, minimise: bool) -> Explored:
        """The report; failing schedules are shrunk and written down."""
        seconds = monotonic() - self._began
        kept = self._kept()
        learnt = self._learn(kept)
        if self._progress is not None and minimise and self._violations:
            self._progress(self._now(shrinking=True))
        failures, stories, findings = self._failures(out_dir, minimise)
        shrinking_s = monotonic() - self._began - seconds if minimise and failures else 0.0
        unknown, table = self._unknown(kept), self._table(kept)
        verdict = stated(findings, unknown)
        report = _report(
            self._search, self._session, verdict=verdict, schedules=len(kept),
            steps=sum(told.steps for told in kept), seconds=seconds, digest=_digest(kept),
            findings=findings, unknown=None if findings else unknown,
            failure=str(failures[0]) if failures else None, notes=(*learnt, *self._notes(kept)),
            points=gathered(told.points for told in kept), scaled=self._session.scaled,
            rules=rules_of(told.rules for told in kept), pairs=pairs_of(table), shrinking_s=shrinking_s,
            replay=replay_call(failures[0]) if failures and self._search.own else msgspec.UNSET,
            story=stories[0] if stories else (), others=tuple(map(str, failures[1:])),
        )  # fmt: skip
        return Explored(
            report=report,
            coverage=self._seen.coverage(),
            virtual_seconds=sum(told.virtual_ns for told in kept) / 1e9,
            failures=failures,
            stories=stories,
            interrupted=self._interrupted,
            table=table,
        )

    def _table(self, kept: list[Told]) -> Table | None:
        """Which pairs met, where the storm composes itself."""
        if self._search.scenario.compose is None:
            return None
        met = self._before.after(told.met for told in kept)
        return table_of(met, self._session.every_ground())

    def _learn(self, kept: list[Told]) -> tuple[str, ...]:
        """Keep the seeds of what reached new pairs, and say what came of the seeds."""
        if self._seeds is None:
            return ()
        ran, pairs = len(self._recalled.met), len(self._before.met)
        said = f"{ran} seeds of the corpus were run first, in which {pairs} pairs met"
        if self._interrupted:
            return (f"{said}; none were added",)
        try:
            added = self._seeds.learn(kept, self._recalled)
        except OSError as error:
            return (f"no seeds were kept: {error.filename}: {error.strerror}",)
        return (f"{said}; {added} were added",)

    def _kept(self) -> list[Told]:
        """What counts: everything, or everything up to the first violation; without gaps."""
        kept = []
        for index in range(len(self._told)):
            told = self._told.get(index)
            if told is None or (self._stop_at is not None and index > self._stop_at):
                break
            kept.append(told)
        return kept

    def _unknown(self, kept: list[Told]) -> str | None:
        for told in kept:
            if told.verdict == "unknown":
                return f"schedule {told.index}: {told.unknown or 'no checker applied'}"
        if self._lost is not None:
            return self._lost
        if not kept and self._interrupted:
            return "interrupted before one schedule was through"
        if not kept:
            return "the budget was spent before one schedule was through"
        return None

    def _notes(self, kept: list[Told]) -> tuple[str, ...]:
        """What the checkers remarked, each remark once."""
        said = tuple(dict.fromkeys(note for told in kept for note in told.notes))
        # Of those that are shipped nobody chose the sizes.
        if not library.is_shipped(self._search.scenario):
            said = (*(f"scaled: {line}" for line in self._session.scaled), *said)
        table = self._table(kept)
        if table is not None:
            said = (*said, table.in_brief())
        if self._interrupted:
            return ("interrupted: what was run until then is reported", *said)
        return said

    def _failures(
        self, out_dir: Path | None, minimise: bool
    ) -> tuple[tuple[Path, ...], tuple[tuple[str, ...], ...], tuple[Finding, ...]]:
        causes = sorted(
            self._causes().values(), key=lambda told: (minor_alone(told.findings), told.index)
        )
        if not causes:
            return (), (), ()
        if not self._collect:
            causes = causes[:1]
        folder = folder_of(out_dir)
        paths: list[Path] = []
        stories: list[tuple[str, ...]] = []
        findings: list[Finding] = []
        for told in causes:
            path, story, found = self._keep(told, folder, minimise)
            paths.append(path)
            stories.append(story)
            findings += found
        return tuple(paths), tuple(stories), tuple(findings)

    def _keep(
        self, told: Told, folder: Path, minimise: bool
    ) -> tuple[Path, tuple[str, ...], tuple[Finding, ...]]:
        """Write a failure down, small. Who is in a hurry by now gets it as it was found, but gets it."""
        try:
            return keep_failure(
                self._session, told, folder, minimise=minimise and not self._interrupted
            )
        except KeyboardInterrupt:
            self._interrupted = True
            return keep_failure(self._session, told, folder, minimise=False)


_NOTHING = Seen().coverage()


def _digest(kept: list[Told]) -> str:
    sha = hashlib.sha256()
    for told in kept:
        sha.update(told.digest.encode())
    return sha.hexdigest()


def _report(
    search: Search, session: Session, *, verdict: Verdict | None, **rest: object
) -> RunReport:
    return RunReport(
        scenario=search.scenario.name,
        target=session.subject.target.name,
        world=WORLD,
        seed=search.seed,
        verdict=verdict,
        **rest,  # type: ignore[arg-type]
    )
