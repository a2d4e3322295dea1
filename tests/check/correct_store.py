"""Random histories of a correct store: whatever they contain, no checker may accuse them.

A small discrete-event simulation. Requests have an interval and take effect at a random instant within
it; where the answer is lost the effect may come much later or never. The store is a plain list of
bytes, so that its being right can be seen. Everything the contract allows happens: cut bodies, lost
requests and answers, 423 while publishing, 507 and 409 whose bytes stay, conflicts, replays at any
time, wrong checksums, empty and overlong PATCHes, terminations, expiry, destroyed chunks, rivals.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any

from correct_clients import Clients
from correct_model import ADDRESSED, COMMON, MS, Ask, Client, Upload, nobody
from correct_server import Server

from patchstorm.history import Recorder, events
from patchstorm.history.model import Completion, Final, Header, History, Residue, Run, UploadInfo
from patchstorm.history.no_answer import NoAnswer


class Storm(Clients, Server):
    """One random storm. All chances come from one seeded generator."""

    def __init__(self, seed: int, *, sequential: bool) -> None:
        self.rng = random.Random(f"{seed} {sequential}")
        rng = self.rng
        self.sequential = sequential
        self.keeps = rng.random() < 0.6
        self.rivals = not sequential and rng.random() < 0.15
        self.overwrite = rng.random() < 0.4
        self.deletes = rng.random() < 0.2
        self.damages = not sequential and rng.random() < 0.2
        self.contents = rng.choice((1, 1, 2, 3))
        self.trouble = rng.choice((0.0, 0.1, 0.3))
        self.now = 0
        self.names: dict[Client, int] = {}
        self.count = 0
        self.queue: list[tuple[int, int, Callable[[], None]]] = []
        self.published: dict[str, tuple[str, int]] = {}  # target -> (upload, inode)
        self.inode = 100
        self.phase = "storm"
        size = rng.choice((0, 1, 7, 24, 40, 64))
        expires = rng.choice((None, None, 2_300)) if not self.damages else None
        infos = tuple(
            UploadInfo(
                id=f"u{at}",
                size=size if at == 0 else rng.choice((size, 16)),
                target="t0" if self.rivals else f"t{at}",
                overwrite=self.rivals and self.overwrite,
                expires_ms=expires,
            )
            for at in range(2 if self.rivals or rng.random() < 0.3 else 1)
        )
        caps = (
            *(COMMON if sequential else ADDRESSED),
            *(["keeps-partial-body"] * self.keeps),
        )
        self.closing = rng.choice(("client", "client", "sweeper")) if not sequential else "client"
        header = Header(
            scenario="correct",
            seed=seed,
            world="sim",
            storage="tmpfs",
            target="correct",
            capabilities=caps,
            reading="sequential" if sequential else "offset-addressed",
            replicas=3,
            clock="virtual",
            uploads=infos,
            leftovers=(".upload/*/info.json", ".upload/*/.lock"),
            closing=self.closing,
        )
        self.recorder = Recorder(header)
        self.uploads = {info.id: Upload(info, cells=[None] * info.size) for info in infos}

    # -- running -------------------------------------------------------------------------------

    def at(self, ticks: int, what: Callable[[], None]) -> None:
        self.count += 1
        heapq.heappush(self.queue, (self.now + max(0, ticks) * MS, self.count, what))

    def drain(self) -> None:
        while self.queue:
            self.now, _, what = heapq.heappop(self.queue)
            what()

    def run(self) -> History:
        for name in self.uploads:
            self.start(self.creator(name))
        for name in self.uploads:
            self.at(self.rng.randrange(1, 900), lambda name=name: self._watch(name))
        self.drain()
        self.now += 50 * MS
        self.recorder.add(events.Phase(time_ns=self.now, phase="heal"))
        self.phase, self.trouble = "heal", 0.0
        for name in self.uploads:
            self._watch(name)
            if self.closing == "client":
                self.start(self.healer(name))
        self.drain()
        self._sweep()
        self.now += MS
        for name in self.uploads:
            self._watch(name)
        self.drain()
        self._finish()
        return self.recorder.history()

    def start(self, client: Client) -> None:
        self.resume(client, None)

    def resume(self, client: Client, end: Completion | None) -> None:
        try:
            ask = next(client) if end is None else client.send(end)
        except StopIteration:
            return
        self.at(ask.wait, lambda: self._send(client, ask))

    # -- the network ---------------------------------------------------------------------------

    def _send(self, client: Client, ask: Ask) -> None:
        rng = self.rng
        length = ask.length or 0
        cut = length > 0 and rng.random() < self.trouble / 2
        op = self.recorder.invoke(
            time_ns=self.now,
            client=f"c{self.names.setdefault(client, len(self.names))}",
            kind=ask.kind,  # type: ignore[arg-type]
            upload=ask.upload,
            replica=rng.randrange(3),
            offset=ask.offset,
            length=ask.length,
            content=ask.content,
            checksum=ask.checksum,  # type: ignore[arg-type]
            cut=cut,
            phase=self.phase,
        )
        sent = rng.randrange(length) if cut else length
        done = _Once(self, client, ask, op, sent)
        draw = rng.random()
        if draw < self.trouble / 3:  # the request never arrives
            self.at(
                rng.randrange(20), lambda: done.end(error=NoAnswer.RESET, sent=rng.randint(0, sent))
            )
            return
        if cut:
            told = rng.choice((None, None, 400, 408, 409))
            if not self.keeps or self.sequential or told is None:
                self.at(rng.randrange(20), lambda: done.end(error=NoAnswer.RESET))
            else:
                self.at(rng.randrange(20), lambda: done.answer(told))
            if self.keeps and ask.kind in ("append", "create"):
                self.at(rng.randrange(20), lambda: self.keep(ask, sent))
            return
        answer = done.answer
        if draw < self.trouble:  # the answer is lost; the effect may come long afterwards
            self.at(rng.randrange(20), lambda: done.end(error=NoAnswer.DROPPED))
            late = rng.choice((10, 10, 400))
            if self.keeps and not self.sequential and length and rng.random() < 0.3:
                self.at(rng.randrange(late), lambda: self.keep(ask, rng.randrange(length)))
                return
            self.at(rng.randrange(late), lambda: self.serve(ask, nobody))
            return
        self.at(rng.randrange(15), lambda: self.serve(ask, answer))

    # -- storage -------------------------------------------------------------------------------

    def _watch(self, name: str) -> None:
        """A look at the published name, somewhere between its beginning and its end."""
        if self.sequential:
            return
        began, info = self.now, self.uploads[name].info

        def look() -> None:
            there = self.published.get(info.target)
            seen: dict[str, Any] = {"present": there is not None}
            if there is not None:
                seen.update(
                    size=self.uploads[there[0]].info.size, inode=there[1], mtime_ns=there[1]
                )
            ended = self.now + self.rng.randrange(3) * MS
            self.recorder.add(
                events.Sighting(time_ns=ended, upload=info.id, began_ns=began, **seen)
            )
            if self.phase == "storm" and self.rng.random() < 0.8:
                self.at(self.rng.randrange(1, 60), lambda: self._watch(name))

        self.at(self.rng.randrange(3), look)

    def _sweep(self) -> None:
        for upload in self.uploads.values():
            if upload.born is not None and upload.full and not self.expired(upload):
                self.publish(upload)

    def _finish(self) -> None:
        paths = []
        for name, upload in self.uploads.items():
            self.recorder.add(self._final(name))
            paths += [f".upload/{name}", f".upload/{name}/info.json", f".upload/{name}/.lock"]
            if not upload.published and not upload.gone:
                chunks = f".upload/{name}/chunks"
                paths += [f"{chunks}/chunk_{start}.dat" for start in upload.chunks]
        self.recorder.add(Residue(paths=tuple(paths), swept=True))

    def _final(self, name: str) -> Final:
        there = self.published.get(self.uploads[name].info.target)
        if there is None and self.sequential and not self.uploads[name].gone:
            there = (name, 0)  # these targets show the file while it grows
        if there is None:
            return Final(upload=name, present=False)
        owner = self.uploads[there[0]]
        runs: list[Run] = []
        for at, content in enumerate(owner.cells[: owner.prefix]):
            foreign = None if there[0] == name else there[0]
            if runs and runs[-1].content == content:
                start, length = runs[-1].offset, runs[-1].length + 1
                runs.pop()
            else:
                start, length = at, 1
            runs.append(
                Run(
                    offset=start,
                    length=length,
                    content=content,
                    source_offset=start,
                    upload=foreign,
                )
            )
        return Final(upload=name, present=True, size=owner.prefix, runs=tuple(runs))


class _Once:
    """The completion of one operation."""

    def __init__(self, storm: Storm, client: Client, ask: Ask, op: int, sent: int) -> None:
        self.storm, self.client, self.ask, self.op, self.sent = storm, client, ask, op, sent

    def answer(self, status: int, **more: Any) -> None:
        """The server has answered; it takes a while to arrive."""
        self.storm.at(self.storm.rng.randrange(10), lambda: self.end(status=status, **more))

    def end(self, *, sent: int | None = None, **more: Any) -> None:
        """The client knows how it ended."""
        storm, kind, status = self.storm, self.ask.kind, more.get("status")
        if kind == "query" and status == 200:
            more["upload_length"] = len(storm.uploads[self.ask.upload].cells)
        end = storm.recorder.complete(
            self.op,
            time_ns=storm.now,
            sent=self.sent if sent is None else sent,
            headers=_headers(kind, status),
            **more,
        )
        storm.resume(self.client, end)


def _headers(kind: str, status: int | None) -> dict[str, str]:
    if status is None:
        return {}
    headers = {"tus-resumable": "1.0.0"}
    if status == 201:
        headers["location"] = "/upload?token=x"
    if kind == "query":
        headers["cache-control"] = "no-store"
    if kind == "append" and status == 204:
        headers["upload-expires"] = "Sun, 22 Nov 2026 16:00:00 GMT"
    if status == 423:
        headers["retry-after"] = "1"
    return headers


def correct_history(seed: int, *, sequential: bool) -> History:
    """The history of one random storm against a correct store."""
    return Storm(seed, sequential=sequential).run()
