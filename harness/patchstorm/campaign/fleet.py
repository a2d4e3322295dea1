"""Whoever runs the schedules of one exploration, a batch of indices at a time.

One job runs in this process, without any other. Several are fresh interpreters (spawned, so nothing of
this process leaks into them), or the workers of a cluster; both are fed with ranges of indices and
answer with what each came to. Ctrl-C ends them; an error in one is raised here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from time import perf_counter
from types import TracebackType
from typing import Final

import msgspec

from patchstorm.campaign.crew import Crew, Hands, hands_of
from patchstorm.campaign.schedules import Search, Session, Told
from patchstorm.dialect.wire import Wire
from patchstorm.errors import UsageError
from patchstorm.scenario.composing.features import Pair
from patchstorm.target.model import Target
from patchstorm.target.registry import anywhere
from patchstorm.worlds.sim.app import Subject

Batch = list[Told]
BATCH: Final = 8
BATCH_MAX: Final = 1024
TASK_S: Final = (0.5, 8.0)
WORKERS_A_TASK_S: Final = 125
"""How long a task of a cluster's worker lasts: a second for each 125 workers, within bounds. A scheduler
takes a millisecond or so for each task (``benchmarks/cluster.py``), and short tasks end a search sooner."""


def task_seconds(workers: int) -> float:
    """How long a task should last where there are so many workers."""
    shortest, longest = TASK_S
    return min(longest, max(shortest, workers / WORKERS_A_TASK_S))


@dataclass(frozen=True, slots=True)
class Given:
    """What the schedules of a round are drawn by: how long it is, which one, how often each pair met before
    it."""

    round: int
    number: int
    met: tuple[tuple[Pair, int], ...]


@dataclass(frozen=True, slots=True)
class ScheduleTask:
    """What a worker is given: some schedules of a search, and what steers them."""

    search: Search
    indices: range
    given: Given | None


class Fleet(AbstractContextManager["Fleet"]):
    """``results(batches)`` yields batches of results in the order in which they end.

    ``batch`` is how many schedules are worth one task; it grows with a cluster's speed. ``subject`` is the
    code to simulate where no name stands for it.
    """

    def __init__(
        self,
        search: Search,
        jobs: int,
        session: Session | None = None,
        *,
        cluster: str | None = None,
        subject: Subject | None = None,
    ) -> None:
        here = cluster is None and jobs <= 1
        self.batch = 1 if here else BATCH
        self._jobs = jobs
        self._cluster = cluster
        self._search = (
            replace(search, target=anywhere(search.target)) if cluster is not None else search
        )
        self._session = (session or Session.of(search)) if here else None
        self._subject = subject
        self._hands: Hands | None = None

    def __enter__(self) -> Fleet:
        if self._session is not None:
            return self
        if self._subject is None:
            self._hands = hands_of(self._jobs, self._cluster)
        else:
            self._hands = Crew(self._jobs, _begin, (_carried(self._subject),))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._hands is not None:
            self._hands.kill()

    def results(self, batches: Iterator[range], given: Given | None = None) -> Iterator[Batch]:
        """Run every batch; the caller stops by closing the generator."""
        if self._session is not None:
            for batch in batches:
                for index in batch:
                    yield [self._session.tell(index)]
            return
        assert self._hands is not None
        tasks = (ScheduleTask(self._search, batch, given) for batch in batches)
        for _, (told, seconds) in self._hands.each(_run, tasks):
            if self._cluster is not None and told:
                fitting = int(task_seconds(self._hands.size) * len(told) / seconds)
                self.batch = max(BATCH, min(BATCH_MAX, fitting))
            yield told


_Carried = tuple[bytes, bytes]
"""A target, and the code that stands for it."""
_NOBODY: Final = Target(name="nobody", capabilities=(), wire=Wire(path="/"))
_session: Session | None = None
_carrying: _Carried | None = None
"""A store that a program handed in, until it is needed: what is wrong with it is then told as an error."""


def _run(task: ScheduleTask) -> tuple[Batch, float]:
    """In a worker: the schedules, and how many seconds they took. It keeps the session of its last task."""
    global _session  # noqa: PLW0603 - a worker process has one session at a time, and it is dear to make
    if _session is None or _session.search != task.search:
        _session = _made(task.search)
    given = task.given
    if given is not None:
        _session.steered.given(given.round, given.number, given.met)
    began = perf_counter()
    told = [_session.tell(index) for index in task.indices]
    return told, perf_counter() - began


def _carried(subject: Subject) -> _Carried:
    """A store made in a session or a notebook, for another process: its classes and closures with it.

    Raises UsageError where that needs what is not installed, or the store holds what cannot be carried.
    """
    try:
        import dill  # what multiprocess takes everything to its processes by
    except ModuleNotFoundError:
        raise UsageError(
            "a store that a program hands in is taken to other processes by multiprocess, which is not "
            "installed: pip install 'patchstorm[notebook]', or give jobs=1"
        ) from None
    try:
        # recurse: of the session's globals, those that the store's functions use, and no others.
        code = dill.dumps(replace(subject, target=_NOBODY), byref=False, recurse=True)
    except Exception as error:  # whatever a stranger's object raises when it is copied
        raise UsageError(
            f"this store cannot be taken to other processes ({type(error).__name__}: {error}): "
            "give jobs=1"
        ) from None
    # Encoded, so that defaults are the very objects of the other process: msgspec tells them by identity, and
    # a history leaves them out.
    return msgspec.msgpack.encode(subject.target), code


def _begin(carried: _Carried) -> None:
    """In a worker, once, for a store that a program handed in."""
    global _carrying  # noqa: PLW0603 - see above
    _carrying = carried


def _made(search: Search) -> Session:
    if _carrying is None:
        return Session.of(search)
    import dill

    target, code = _carrying
    whose = msgspec.msgpack.decode(target, type=Target)
    return Session(search, replace(dill.loads(code), target=whose))
