"""Processes that run schedules of one exploration, a batch of indices at a time.

One job runs in this process, without any other. Several are fresh interpreters (spawned, so nothing of
this process leaks into them), fed with ranges of indices and answering with what each came to. Ctrl-C
ends them; an error in one is raised here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType

from patchstorm.campaign.crew import Crew
from patchstorm.campaign.schedules import Search, Session, Told
from patchstorm.scenario.composing.features import Pair

Batch = list[Told]


@dataclass(frozen=True, slots=True)
class Given:
    """What the schedules of a round are drawn by: how long it is, which one, how often each pair met before
    it."""

    round: int
    number: int
    met: tuple[tuple[Pair, int], ...]


_Task = tuple[range, Given | None]


class Fleet(AbstractContextManager["Fleet"]):
    """``results(batches)`` yields batches of results in the order in which they end."""

    def __init__(self, search: Search, jobs: int, session: Session | None = None) -> None:
        self._jobs = jobs
        self._search = search
        self._session = (session or Session.of(search)) if jobs <= 1 else None
        self._pool: Crew | None = None

    def __enter__(self) -> Fleet:
        if self._session is None:
            self._pool = Crew(self._jobs, _start, (self._search,))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is None:
            return
        if error is not None:
            self._pool.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def results(self, batches: Iterator[range], given: Given | None = None) -> Iterator[Batch]:
        """Run every batch; the caller stops by closing the generator."""
        if self._session is not None:
            for batch in batches:
                for index in batch:
                    yield [self._session.tell(index)]
            return
        assert self._pool is not None
        tasks: Iterator[_Task] = ((batch, given) for batch in batches)
        for _, told in self._pool.each(_batch, tasks):
            yield told


_session: Session | None = None


def _start(search: Search) -> None:
    """In a worker, once."""
    global _session  # noqa: PLW0603 - one session for each worker process, made by its initializer
    _session = Session.of(search)


def _batch(task: _Task) -> Batch:
    assert _session is not None
    indices, given = task
    if given is not None:
        _session.steered.given(given.round, given.number, given.met)
    return [_session.tell(index) for index in indices]
