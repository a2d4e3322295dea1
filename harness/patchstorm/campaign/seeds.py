"""Schedules of composed storms in which features met that had not met before: a corpus keeps them as seeds.

A search that is given a corpus runs its seeds first, so that what has ever met meets again at once, and
looks for the other pairs from its first round on. A seed is the file of a failure without findings: plan,
choices and target as they were, named by a digest of what it holds, so that directories are merged by
copying. What is kept is a cover: together the seeds met every pair that their search and the seeds
before it met, and those that add nothing go.
"""

from __future__ import annotations

import contextlib
import heapq
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Final, TypeVar

import msgspec

from patchstorm.campaign.corpus import Corpus, put, whole_name
from patchstorm.campaign.explored import Explored
from patchstorm.campaign.failure import Failure, read_failure, replay_command
from patchstorm.campaign.keeping import failure_of
from patchstorm.campaign.ran import replayed
from patchstorm.campaign.replay_target import plan_for
from patchstorm.campaign.retrying import came_back
from patchstorm.campaign.schedules import Session, Told
from patchstorm.campaign.shrinking import Shrunk, shrink, unshrunk
from patchstorm.check.weight import minor_alone
from patchstorm.choice.schedule import VERSION, Schedule
from patchstorm.errors import UsageError
from patchstorm.scenario.composing.features import Pair
from patchstorm.scenario.composing.met import met
from patchstorm.scenario.plan import Plan
from patchstorm.worlds.sim.run import WORLD

REMARK: Final = "was safe before: a seed of the corpus, which was run first"
FOLDER: Final = "seeds"
SEEDS_MAX: Final = 128
"""Of one storm against one target. Each is run first by every later search."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What the seeds came to: the pairs that met, by file, or the violation that ended it.

    ``interrupted``: somebody was in a hurry, and the seeds after these were not run.
    """

    met: Mapping[Path, tuple[Pair, ...]] = field(default_factory=dict)
    violated: Explored | None = None
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Seeds:
    """The seeds of ``corpus`` for the search of ``session``."""

    corpus: Corpus
    session: Session

    @property
    def folder(self) -> Path:
        """Where they lie; made when there is one to keep."""
        return self.corpus.folder / FOLDER

    def recall(self, out_dir: Path, progress: Callable[[int, int], None]) -> Recalled:
        """Run those that fit, until one is violated. ``progress`` is told how many of how many are through.

        A seed of another target, storage or number of replicas than the search's stays where it is and says
        nothing; so does one that this release cannot read or repeat.
        """
        files = self._files()
        found: dict[Path, tuple[Pair, ...]] = {}
        subject, workers = self.session.subject, self.session.workers
        for number, (path, failure) in enumerate(self._fitting(files)):
            progress(number, len(files))
            assert failure.schedule is not None
            began = monotonic()
            plan = plan_for(failure, subject.target)
            try:
                ran = replayed(plan, subject, failure.schedule, workers)
            except UsageError:  # what it asks for, as a storage, is not to be had any more
                continue
            except KeyboardInterrupt:
                return Recalled(met=found, interrupted=True)
            if ran.findings and not minor_alone(ran.findings):
                seconds = monotonic() - began
                small, hurried = self._small(plan, failure.schedule)
                there = Session(replace(self.session.search, seed=failure.seed), subject, workers)
                violated = came_back(
                    there, failure.index, small, out_dir, seconds=seconds, remark=REMARK
                )
                violated = replace(violated, interrupted=hurried)
                return Recalled(met=found, violated=violated)
            found[path] = met(plan, ran.history, ran.outcome.idle)
        return Recalled(met=found)

    def _small(self, plan: Plan, schedule: Schedule) -> tuple[Shrunk, bool]:
        """A violated seed, smaller; as it is, and True, for who is in a hurry."""
        subject, workers = self.session.subject, self.session.workers
        try:
            return shrink(plan, schedule, subject, workers), False
        except KeyboardInterrupt:
            ran = replayed(plan, subject, schedule, workers, traced=True)
            return unshrunk(plan, schedule, ran), True

    def learn(self, told: Sequence[Told], recalled: Recalled) -> int:
        """Keep what ``told`` adds to ``recalled``, and remove what adds nothing any more.

        How many were added. OSError where the directory cannot be written to.
        """
        among: dict[Path | int, frozenset[Pair]] = {
            **{path: frozenset(pairs) for path, pairs in recalled.met.items()},
            **{one.index: frozenset(one.met) for one in told if one.verdict == "safe"},
        }
        cover = _cover(among)
        added = [path for one in cover if isinstance(one, int) if (path := self._keep(one))]
        for path in recalled.met:
            if path not in cover and path not in added:
                path.unlink(missing_ok=True)
        self._bound({*added, *(one for one in cover if isinstance(one, Path))})
        return len(added)

    def _bound(self, mine: Set[Path]) -> None:
        """Where there are too many, the oldest go of those that this search, on its storage, has not run."""
        others = [path for path in self._files() if path not in mine]
        others.sort(key=lambda path: -path.stat().st_mtime)
        for path in others[max(0, SEEDS_MAX - len(mine)) :]:
            path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob(f"{_prefix(self.session)}-*.json"))

    def _fitting(self, files: Sequence[Path]) -> Iterator[tuple[Path, Failure]]:
        search = self.session.search
        for path in files:
            with contextlib.suppress(UsageError):
                one = read_failure(path)
                plan_for(one, self.session.subject.target)
                if (
                    (one.world, one.scenario) == (WORLD, search.scenario.name)
                    and whole_name(one.target) == whole_name(search.target)
                    and search.storage in (None, one.plan.storage)
                    and search.replicas in (None, one.plan.replicas)
                    and one.schedule is not None
                    and one.schedule.version == VERSION
                ):
                    yield path, one

    def _keep(self, index: int) -> Path | None:
        """Write schedule ``index`` down; None for one too large to be kept."""
        search, ran = self.session.search, self.session.recorded(index)
        kept = failure_of(search, ran.plan, ran.schedule, index)
        unsigned = msgspec.structs.replace(ran.schedule, digest=None)
        said = msgspec.json.encode((ran.plan, unsigned), order="deterministic")
        path = self.folder / f"{_prefix(self.session)}-{sha256(said).hexdigest()[:12]}.json"
        kept = msgspec.structs.replace(kept, command=replay_command(path))
        return path if put(path, kept) else None


def _prefix(session: Session) -> str:
    name = f"{session.search.scenario.name}-{session.subject.target.name}-{WORLD}"
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")


def _cover(among: Mapping[_T, frozenset[Pair]]) -> list[_T]:
    """Few of ``among`` that have all their pairs, at most SEEDS_MAX; of equals the first.

    Greedy, and lazy: what one adds never grows while others are taken, so only the foremost is counted anew.
    """
    waiting = [(-len(pairs), place, one) for place, (one, pairs) in enumerate(among.items())]
    heapq.heapify(waiting)
    taken: list[_T] = []
    have: set[Pair] = set()
    while waiting and len(taken) < SEEDS_MAX:
        said, place, one = heapq.heappop(waiting)
        adds = -len(among[one] - have)
        if not adds:
            continue
        if adds != said:
            heapq.heappush(waiting, (adds, place, one))
            continue
        taken.append(one)
        have |= among[one]
    return taken
