"""Processes that run schedules of one exploration, a batch of indices at a time.

One job runs in this process, without any other. Several are fresh interpreters (spawned, so nothing of
this process leaks into them), fed with ranges of indices and answering with what each came to. Ctrl-C
ends them; an error in one is raised here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import TracebackType

from patchstorm.campaign.crew import Crew
from patchstorm.campaign.schedules import Search, Session, Told

Batch = list[Told]


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

    def results(self, batches: Iterator[range]) -> Iterator[Batch]:
        """Run every batch; the caller stops by closing the generator."""
        if self._session is not None:
            for batch in batches:
                for index in batch:
                    yield [self._session.tell(index)]
            return
        assert self._pool is not None
        for _, told in self._pool.each(_batch, batches):
            yield told


_session: Session | None = None


def _start(search: Search) -> None:
    """In a worker, once."""
    global _session  # noqa: PLW0603 - one session for each worker process, made by its initializer
    _session = Session.of(search)


def _batch(indices: range) -> Batch:
    assert _session is not None
    told = []
    for index in indices:
        told.append(_session.tell(index))
        if told[-1].verdict == "violated":
            break
    return told
