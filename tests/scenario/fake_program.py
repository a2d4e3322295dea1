"""A program of somebody else's, as a workload meets it: a plain tus client that asks, and is answered."""

from __future__ import annotations

from collections.abc import Generator

from patchstorm.dialect.operations import Request
from patchstorm.scenario.actions import Asked, Give

TRIES = 24
Talk = Generator[Asked, Give, bool]


class FakeProgram:
    """One at a time is asked for by a workload; ``chunk`` bytes go into a request."""

    def __init__(self, size: int, chunk: int) -> None:
        self._talk = _client(size, chunk)
        self._next: Asked | None = next(self._talk)
        self.done = False
        self.asked: list[Asked] = []

    def take(self) -> Asked | None:
        if self._next is not None:
            self.asked.append(self._next)
        return self._next

    def give(self, given: Give) -> None:
        try:
            self._next = self._talk.send(given)
        except StopIteration as stop:
            self.done = stop.value
            self._next = None

    def stop(self) -> None:
        self._talk.close()
        self._next = None


def _client(size: int, chunk: int) -> Talk:
    """Created, asked where it stands, sent on from there; a number of tries in all without progress."""
    upload, offset, failures = "", None, 0
    while failures < TRIES:
        if not upload:
            given = yield Asked(request=Request(kind="create", upload=""), came=0)
            upload = given.upload if given.answer.ok else ""
            offset = 0 if upload else None
        elif offset is None:
            given = yield Asked(request=Request(kind="query", upload=upload), came=0)
            offset = given.answer.end.offset if given.answer.ok else None
        elif offset == size:
            return True
        else:
            length = min(chunk, size - offset)
            request = Request(kind="append", upload=upload, offset=offset, length=length)
            given = yield Asked(request=request, came=length)
            offset = given.answer.end.offset if given.answer.ok else None
        failures = failures + 1 if offset is None else 0
    return False
