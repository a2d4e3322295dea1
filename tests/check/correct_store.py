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
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from patchstorm.history import Recorder
from patchstorm.history.model import (
    Completion,
    Final,
    Header,
    History,
    Residue,
    Run,
    StatusDocument,
    UploadInfo,
)

MS = 1_000_000
COMMON = ("creation", "creation-with-upload", "checksum-sha256", "termination", "expiration")
ADDRESSED = (
    *COMMON,
    "offset-addressed",
    "status",
    "head-after-finish",
    "publishes-atomically",
    "completes-unattended",
)
Client = Generator["Ask", Completion, None]


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request, in the terms of the history."""

    kind: str
    upload: str
    offset: int | None = None
    length: int | None = None
    content: int = 0
    checksum: str = "none"
    replay_of: int | None = None
    wait: int = 0  # ticks before it is sent


@dataclass
class Upload:
    """What the store knows of one upload; ``cells`` holds the content of every byte, or None."""

    info: UploadInfo
    born: int | None = None
    cells: list[int | None] = field(default_factory=list)
    chunks: dict[int, int] = field(default_factory=dict)  # start -> end
    rotten: set[int] = field(default_factory=set)  # starts of chunks that are destroyed
    published: bool = False
    gone: bool = False
    busy: bool = False  # sequential: a body is being stored

    @property
    def prefix(self) -> int:
        return next((at for at, one in enumerate(self.cells) if one is None), len(self.cells))

    @property
    def full(self) -> bool:
        return None not in self.cells

    def missing(self) -> list[tuple[int, int]]:
        gaps: list[tuple[int, int]] = []
        for at, one in enumerate(self.cells):
            if one is not None:
                continue
            if gaps and sum(gaps[-1]) == at:
                gaps[-1] = (gaps[-1][0], gaps[-1][1] + 1)
            else:
                gaps.append((at, 1))
        return gaps


class Storm:
    """One random storm. All chances come from one seeded generator."""

    def __init__(self, seed: int, *, sequential: bool) -> None:
        self.rng = random.Random(f"{seed} {sequential}")
        rng = self.rng
        self.sequential = sequential
        self.keeps = sequential and rng.random() < 0.6
        self.rivals = not sequential and rng.random() < 0.15
        self.overwrite = rng.random() < 0.4
        self.deletes = rng.random() < 0.2
        self.damages = not sequential and rng.random() < 0.2
        self.contents = rng.choice((1, 1, 2, 3))
        self.trouble = rng.choice((0.0, 0.1, 0.3))
        self.now = 0
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
        caps = ADDRESSED if not sequential else (*COMMON, *(["keeps-partial-body"] * self.keeps))
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
            self._start(self._creator(name))
        for name in self.uploads:
            self.at(self.rng.randrange(1, 900), lambda name=name: self._watch(name))
        self.drain()
        self.now += 50 * MS
        self.recorder.event("phase", time_ns=self.now, phase="heal")
        self.phase, self.trouble = "heal", 0.0
        for name in self.uploads:
            self._watch(name)
            if self.closing == "client":
                self._start(self._healer(name))
        self.drain()
        self._sweep()
        self.now += MS
        for name in self.uploads:
            self._watch(name)
        self.drain()
        self._finish()
        return self.recorder.history()

    def _start(self, client: Client) -> None:
        self._resume(client, None)

    def _resume(self, client: Client, end: Completion | None) -> None:
        try:
            ask = next(client) if end is None else client.send(end)
        except StopIteration:
            return
        self.at(ask.wait, lambda: self._send(client, ask))

    # -- clients -------------------------------------------------------------------------------

    def _creator(self, name: str) -> Client:
        info, rng = self.uploads[name].info, self.rng
        body = min(info.size, rng.choice((0, 0, 5)))
        for _ in range(6):
            end = yield Ask(
                kind="POST", upload=name, offset=0 if body else None, length=body or None, wait=3
            )
            if end.status == 201:
                break
        else:
            return
        for at in range(rng.choice((1, 2, 3, 4))):
            content = rng.randrange(self.contents)
            kind = self._racing if self.sequential else self._scattered
            self._start(kind(name, content, at))

    def _side(self, name: str) -> Ask | None:
        """Now and then something other than the next chunk."""
        draw, rng = self.rng.random(), self.rng
        if draw < 0.15:
            return Ask(kind="HEAD", upload=name, wait=rng.randrange(9))
        if draw < 0.3 and not self.sequential:
            return Ask(kind="STATUS", upload=name, wait=rng.randrange(9))
        if draw < 0.32 and self.deletes:
            return Ask(kind="DELETE", upload=name, wait=rng.randrange(9))
        if draw < 0.36:
            return Ask(kind="PATCH", upload=name, offset=0, length=0)
        if draw < 0.38:
            size = self.uploads[name].info.size
            return Ask(kind="PATCH", upload=name, offset=size, length=3)
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
                kind="PATCH",
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
            end = yield Ask(kind="HEAD", upload=name, wait=rng.randrange(9))
            offset = end.offset
            while end.outcome == "ok" and offset is not None and offset < size:
                chunk = min(rng.choice((3, 8, 16)), size - offset)
                end = yield Ask(
                    kind="PATCH",
                    upload=name,
                    offset=offset,
                    length=chunk,
                    content=content,
                    checksum=rng.choice(("none", "right", "wrong")),
                    wait=rng.randrange(9),
                )
                offset = end.offset

    def _healer(self, name: str) -> Client:
        size = self.uploads[name].info.size
        exact = not self.sequential and self.rng.random() < 0.7
        for _ in range(20):
            end = yield Ask(kind="HEAD", upload=name, wait=5)
            if end.status in (404, 410) or end.offset == size:
                return
            if exact:
                end = yield Ask(kind="STATUS", upload=name)
                gaps = end.document.missing_ranges if end.document else ()
                for offset, length in gaps:
                    yield Ask(kind="PATCH", upload=name, offset=offset, length=length)
            elif end.offset is not None:
                length = min(16, size - end.offset)
                yield Ask(kind="PATCH", upload=name, offset=end.offset, length=length)

    # -- the network ---------------------------------------------------------------------------

    def _send(self, client: Client, ask: Ask) -> None:
        rng = self.rng
        length = ask.length or 0
        cut = length > 0 and rng.random() < self.trouble / 2
        op = self.recorder.invoke(
            time_ns=self.now,
            client=f"c{id_of(client)}",
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
        done = _Once(self, client, op, sent)
        draw = rng.random()
        if draw < self.trouble / 3:  # the request never arrives
            self.at(rng.randrange(20), lambda: done.end(error="reset", sent=rng.randint(0, sent)))
            return
        if cut:
            self.at(rng.randrange(20), lambda: done.end(error="reset"))
            if self.keeps and ask.kind in ("PATCH", "POST"):
                self.at(rng.randrange(20), lambda: self._store_parts(ask, sent, _nobody))
            return
        answer = done.answer
        if draw < self.trouble:  # the answer is lost; the effect may come long afterwards
            self.at(rng.randrange(20), lambda: done.end(error="dropped"))
            late = rng.choice((10, 10, 400))
            self.at(rng.randrange(late), lambda: self._serve(ask, _nobody))
            return
        self.at(rng.randrange(15), lambda: self._serve(ask, answer))

    # -- the server ----------------------------------------------------------------------------

    def _serve(self, ask: Ask, answer: Callable[..., None]) -> None:
        upload = self.uploads[ask.upload]
        if ask.kind == "POST":
            self._create(upload, ask, answer)
        elif upload.born is None:
            answer(404)
        elif upload.gone or self._expired(upload):
            answer(self.rng.choice((404, 410)))
        elif ask.kind == "DELETE":
            upload.gone = True
            if self.sequential and upload.info.target in self.published:
                del self.published[upload.info.target]
            answer(204)
        elif ask.kind == "PATCH":
            self._patch(upload, ask, answer)
        elif upload.full and not self._publish(upload):
            answer(423)
        elif ask.kind == "HEAD":
            answer(200, offset=upload.prefix)
        else:
            answer(200, document=self._document(upload))

    def _expired(self, upload: Upload) -> bool:
        if upload.info.expires_ms is None or upload.published:
            return False
        return self.now - (upload.born or 0) > upload.info.expires_ms * MS

    def _create(self, upload: Upload, ask: Ask, answer: Callable[..., None]) -> None:
        if upload.born is None:
            upload.born = self.now
        if upload.gone:
            answer(404)
        elif not ask.length:
            if not upload.cells:
                self._publish(upload)
            answer(201)
        elif self.sequential:
            offset_at_least = {"offset": 0}
            self._store_parts(
                ask, ask.length, lambda _, **more: answer(201, **{**offset_at_least, **more})
            )
        else:
            stored = self._commit(upload, ask)
            full = upload.full and not self._publish(upload)
            answer(201, offset=0) if not stored or full else answer(201, offset=upload.prefix)

    def _patch(self, upload: Upload, ask: Ask, answer: Callable[..., None]) -> None:
        length, offset = ask.length or 0, ask.offset or 0
        if self.sequential and offset != upload.prefix:
            answer(409)
        elif self.sequential and upload.busy:
            answer(self.rng.choice((409, 423)))
        elif offset + length > len(upload.cells):
            answer(413)
        elif ask.checksum == "wrong":
            answer(460)
        elif self.rng.random() < self.trouble / 6:
            self._fail(upload, ask, answer)
        elif self.sequential:
            self._store_parts(ask, length, answer)
        elif not self._commit(upload, ask):
            answer(409)
        else:
            self.at(self.rng.choice((0, 0, 6)), lambda: self._committed(upload, answer))

    def _fail(self, upload: Upload, ask: Ask, answer: Callable[..., None]) -> None:
        """The disk is full; the bytes may stay all the same."""
        self.recorder.event("fault", time_ns=self.now, fault="enospc")
        if self.rng.random() < 0.5 and not self.sequential:
            self._commit(upload, ask)
        answer(507)
        self.recorder.event("fault", time_ns=self.now, fault="enospc", ends=True)

    def _committed(self, upload: Upload, answer: Callable[..., None]) -> None:
        if upload.gone:
            answer(410)
        elif upload.full and not self._publish(upload):
            taken = self.published.get(upload.info.target)
            answer(409 if taken is not None and not upload.info.overwrite else 423)
        else:
            answer(204, offset=upload.prefix)

    def _commit(self, upload: Upload, ask: Ask) -> bool:
        start, end = ask.offset or 0, (ask.offset or 0) + (ask.length or 0)
        if any(one not in (None, ask.content) for one in upload.cells[start:end]):
            return False
        at = start
        while at < end:
            stop = at
            while stop < end and upload.cells[stop] is None:
                upload.cells[stop] = ask.content
                stop += 1
            if stop > at:
                upload.chunks[at] = stop
                if self.damages and self.rng.random() < 0.2:
                    self.at(self.rng.randrange(60), lambda at=at: self._destroy(upload, at))
            at = max(stop, at + 1)
        return True

    def _store_parts(self, ask: Ask, length: int, answer: Callable[..., None]) -> None:
        """Sequential: the body arrives, in one piece or, where partial bodies stay, in several."""
        upload = self.uploads[ask.upload]
        offset = ask.offset or 0
        past = offset + (ask.length or 0) > len(upload.cells)
        refused = past or upload.gone or ask.checksum == "wrong"
        if refused or upload.busy or upload.prefix != offset:
            answer(423)
            return
        if upload.born is None:
            return
        upload.busy = True
        pieces = [length]
        if self.keeps and length > 1:
            pieces = sorted({self.rng.randint(1, length), self.rng.randint(1, length), length})

        def store() -> None:
            if upload.gone:
                answer(410)
                return
            stop = offset + pieces.pop(0)
            upload.cells[offset:stop] = [ask.content] * (stop - offset)
            if pieces:
                self.at(self.rng.randrange(6), store)
                return
            upload.busy = False
            if upload.full:
                self._publish(upload)
            answer(204, offset=upload.prefix)

        store()

    def _destroy(self, upload: Upload, start: int) -> None:
        if upload.published or upload.gone or start not in upload.chunks:
            return
        self.recorder.event(
            "damage",
            time_ns=self.now,
            upload=upload.info.id,
            offset=start,
            length=upload.chunks[start] - start,
        )
        upload.rotten.add(start)
        if self.rng.random() < 0.5:
            self.at(self.rng.randrange(60), lambda: self._notice(upload))

    def _notice(self, upload: Upload) -> None:
        """What is read back is checked: exactly those chunks return to missing."""
        if upload.published:
            return
        for start in sorted(upload.rotten):
            end = upload.chunks.pop(start)
            upload.cells[start:end] = [None] * (end - start)
        upload.rotten.clear()

    def _publish(self, upload: Upload) -> bool:
        """Publish if it works out now; whether the full length may be announced."""
        if upload.published:
            return True
        if upload.rotten:
            self._notice(upload)
            return not upload.full
        target, info = self.published.get(upload.info.target), upload.info
        if upload.gone or (target is not None and not info.overwrite):
            return False
        if not self.sequential and self.rng.random() < self.trouble:
            return False
        self.inode += 1
        self.published[info.target] = (info.id, self.inode)
        upload.published = True
        return True

    def _document(self, upload: Upload) -> StatusDocument:
        size = len(upload.cells)
        missing = upload.missing()
        stored = size - sum(length for _, length in missing)
        return StatusDocument(
            total_size=size,
            committed_offset=upload.prefix,
            chunks_received=tuple(sorted(upload.chunks)),
            missing_ranges=tuple(missing),
            progress_percent=100.0 * stored / size if size else 100.0,
            status="published" if upload.published else "uploading",
        )

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
            self.recorder.event("sighting", time_ns=ended, upload=info.id, began_ns=began, **seen)
            if self.phase == "storm" and self.rng.random() < 0.8:
                self.at(self.rng.randrange(1, 60), lambda: self._watch(name))

        self.at(self.rng.randrange(3), look)

    def _sweep(self) -> None:
        for upload in self.uploads.values():
            if upload.born is not None and upload.full and not self._expired(upload):
                self._publish(upload)

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
    """The completion of one operation: whatever comes first."""

    def __init__(self, storm: Storm, client: Client, op: int, sent: int) -> None:
        self.storm, self.client, self.op, self.sent = storm, client, op, sent

    def answer(self, status: int, **more: Any) -> None:
        self.storm.at(self.storm.rng.randrange(10), lambda: self.end(status=status, **more))

    def end(self, *, sent: int | None = None, **more: Any) -> None:
        storm = self.storm
        call = storm.recorder.records
        del call
        status = more.get("status")
        kind, upload = _asked(storm.recorder, self.op)
        headers = _headers(kind, status)
        if kind == "HEAD" and status == 200:
            more["upload_length"] = len(storm.uploads[upload].cells)
        end = storm.recorder.complete(
            self.op,
            time_ns=storm.now,
            sent=self.sent if sent is None else sent,
            headers=headers,
            **more,
        )
        storm._resume(self.client, end)


def _asked(recorder: Recorder, op: int) -> tuple[str, str]:
    for record in reversed(recorder.records):
        if getattr(record, "op", None) == op and hasattr(record, "kind"):
            return record.kind, record.upload
    raise AssertionError(op)


def _headers(kind: str, status: int | None) -> dict[str, str]:
    if status is None:
        return {}
    headers = {"tus-resumable": "1.0.0"}
    if status == 201:
        headers["location"] = "/upload?token=x"
    if kind == "HEAD":
        headers["cache-control"] = "no-store"
    if kind == "PATCH" and status == 204:
        headers["upload-expires"] = "Sun, 22 Nov 2026 16:00:00 GMT"
    if status == 423:
        headers["retry-after"] = "1"
    return headers


_names: dict[int, int] = {}


def id_of(client: Client) -> int:
    """A small stable-enough name for a client; it decides nothing."""
    return _names.setdefault(id(client), len(_names) % 100)


def _nobody(status: int = 0, **_: Any) -> None:
    """An answer that goes nowhere."""


def correct_history(seed: int, *, sequential: bool) -> History:
    """The history of one random storm against a correct store."""
    return Storm(seed, sequential=sequential).run()
