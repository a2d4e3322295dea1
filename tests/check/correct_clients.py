"""The clients of the random storms: what is asked next, drawn at random."""

from __future__ import annotations

import random

from correct_model import Ask, Client, Upload


class Clients:
    """Generators that yield requests and receive how each ended."""

    rng: random.Random
    sequential: bool
    deletes: bool
    contents: int
    uploads: dict[str, Upload]

    def start(self, client: Client) -> None:
        """Run a client from now on."""
        raise NotImplementedError

    def creator(self, name: str) -> Client:
        info, rng = self.uploads[name].info, self.rng
        body = min(info.size, rng.choice((0, 0, 5)))
        for _ in range(6):
            end = yield Ask(
                kind="create", upload=name, offset=0 if body else None, length=body or None, wait=3
            )
            if end.status == 201:
                break
        else:
            return
        for at in range(rng.choice((1, 2, 3, 4))):
            content = rng.randrange(self.contents)
            kind = self._racing if self.sequential else self._scattered
            self.start(kind(name, content, at))

    def _side(self, name: str) -> Ask | None:
        """Now and then something other than the next chunk."""
        draw, rng = self.rng.random(), self.rng
        if draw < 0.15:
            return Ask(kind="query", upload=name, wait=rng.randrange(9))
        if draw < 0.3 and not self.sequential:
            return Ask(kind="status", upload=name, wait=rng.randrange(9))
        if draw < 0.32 and self.deletes:
            return Ask(kind="terminate", upload=name, wait=rng.randrange(9))
        if draw < 0.36:
            return Ask(kind="append", upload=name, offset=0, length=0)
        if draw < 0.38:
            size = self.uploads[name].info.size
            return Ask(kind="append", upload=name, offset=size, length=3)
        return None

    def _scattered(self, name: str, content: int, client: int) -> Client:
        """Chunks in any order and of any cut, some of them several times."""
        size, rng = self.uploads[name].info.size, self.rng
        sent: list[Ask] = []
        for _ in range(rng.randrange(1, 9)):
            side = self._side(name)
            if side is not None:
                yield side
            chunk = rng.choice((3, 8, 16))
            start = rng.randrange(0, max(1, size), rng.choice((1, chunk)))
            ask = Ask(
                kind="append",
                upload=name,
                offset=start,
                length=min(chunk, size - start),
                content=content,
                checksum=rng.choice(("none", "none", "right", "wrong")),
                wait=rng.randrange(30),
            )
            again = [rng.choice(sent)] if sent and rng.random() < 0.4 else []
            for one in (ask, *again):  # noqa: UP028 - a plain loop receives the answers
                yield one
            sent.append(ask)

    def _racing(self, name: str, content: int, client: int) -> Client:
        """As tus clients do: HEAD, then PATCH at that offset; several of them at once."""
        size, rng = self.uploads[name].info.size, self.rng
        for _ in range(rng.randrange(1, 8)):
            side = self._side(name)
            if side is not None:
                yield side
            end = yield Ask(kind="query", upload=name, wait=rng.randrange(9))
            offset = end.offset
            while end.outcome == "ok" and offset is not None and offset < size:
                chunk = min(rng.choice((3, 8, 16)), size - offset)
                end = yield Ask(
                    kind="append",
                    upload=name,
                    offset=offset,
                    length=chunk,
                    content=content,
                    checksum=rng.choice(("none", "right", "wrong")),
                    wait=rng.randrange(9),
                )
                offset = end.offset

    def healer(self, name: str) -> Client:
        size = self.uploads[name].info.size
        exact = not self.sequential and self.rng.random() < 0.7
        for _ in range(20):
            end = yield Ask(kind="query", upload=name, wait=5)
            if end.status in (404, 410) or end.offset == size:
                return
            if exact:
                end = yield Ask(kind="status", upload=name)
                gaps = end.document.missing_ranges if end.document else ()
                for offset, length in gaps:
                    yield Ask(kind="append", upload=name, offset=offset, length=length)
            elif end.offset is not None:
                length = min(16, size - end.offset)
                yield Ask(kind="append", upload=name, offset=end.offset, length=length)
