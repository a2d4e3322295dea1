"""Small histories written by hand: a book is a correct story until a test plants something in it."""

from __future__ import annotations

from typing import Any

from patchstorm.check import judge
from patchstorm.history import Recorder, events
from patchstorm.history.model import (
    Final,
    Header,
    History,
    ProbeSent,
    Progress,
    Residue,
    Run,
    StatusDocument,
    UploadInfo,
)
from patchstorm.history.no_answer import NoAnswer
from patchstorm.scenario.strikes import struck

MS = 1_000_000
ADDRESSED = (
    "offset-addressed",
    "creation",
    "creation-with-upload",
    "checksum-sha256",
    "termination",
    "status",
    "head-after-finish",
    "publishes-atomically",
    "completes-unattended",
    "survives-power-loss",
)
SEQUENTIAL = ("sequential", "creation", "checksum-sha256", "termination")


class Book:
    """A history of one upload ``u`` (or more) of 64 bytes; every request takes 2 ms unless told.

    ``at`` gives a request its own interval (invoked, answered) in ms, for concurrency.
    """

    def __init__(self, *, size: int = 64, sequential: bool = False, **header: Any) -> None:
        self.size = size
        self.now = 0
        defaults: dict[str, Any] = {
            "scenario": "book",
            "seed": 0,
            "world": "sim",
            "storage": "tmpfs",
            "target": "book",
            "capabilities": SEQUENTIAL if sequential else ADDRESSED,
            "reading": "sequential" if sequential else "offset-addressed",
            "replicas": 3,
            "clock": "virtual",
            "uploads": (UploadInfo(id="u", size=size, target="t"),),
            "progress": Progress(chunks="X-Chunks", percent="X-Percent"),
        }
        self.header = Header(**{**defaults, **header})
        self.timed: list[tuple[int, int, Any]] = []
        self.count = 0
        self.last: list[Any] = []

    def ask(
        self,
        kind: str,
        status: int | None = None,
        *,
        upload: str | None = "u",
        at: tuple[float, float | None] | None = None,
        replica: int = 0,
        client: str = "c",
        start: int | None = None,
        end: int | None = None,
        content: int = 0,
        checksum: str = "none",
        cut: bool = False,
        replay_of: int | None = None,
        phase: str = "storm",
        sent: int | None = None,
        probe: ProbeSent | None = None,
        declares: int | None = None,
        **answer: Any,
    ) -> int:
        """One request and its answer; no status means no answer. The result is its index."""
        began, ended = at if at is not None else (self.now / MS + 1, self.now / MS + 3)
        self.now = max(self.now, int((ended if ended is not None else began) * MS))
        length = None if start is None or end is None else end - start
        op = self.count
        self.count += 1
        call = {
            "client": client,
            "kind": kind,
            "upload": upload,
            "replica": replica,
            "offset": start,
            "length": length,
            "content": content,
            "checksum": checksum,
            "cut": cut,
            "replay_of": replay_of,
            "phase": phase,
            "probe": probe,
            "declares": declares,
        }
        self.timed.append((int(began * MS), 0, (op, call)))
        if ended is not None:
            handed = (length or 0) if sent is None else sent
            reply = {"status": status, "sent": handed, **answer}
            self.timed.append((int(ended * MS), 2, (op, reply)))
        return op

    def probe(self, probe: ProbeSent, status: int, **headers: str) -> int:
        """A request of a conformance case, and its answer; ``_`` for ``-`` in the headers' names."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("probe", status, upload=None, headers=given, probe=probe)

    def create(self, **more: Any) -> int:
        return self.ask("create", more.pop("status", 201), **more)

    def patch(self, start: int, end: int, offset: int | None = None, **more: Any) -> int:
        """A PATCH answered 204 with this Upload-Offset, unless ``status`` says otherwise."""
        status = more.pop("status", 204)
        return self.ask("append", status, start=start, end=end, offset=offset, **more)

    def lost(self, start: int, end: int, **more: Any) -> int:
        """A PATCH that was handed over whole and never answered."""
        return self.ask("append", None, start=start, end=end, error="dropped", **more)

    def head(self, offset: int | None, **more: Any) -> int:
        length = None if offset is None else self.size
        status = more.pop("status", 200)
        return self.ask("query", status, offset=offset, upload_length=length, **more)

    def status(self, *missing: tuple[int, int], chunks: tuple[int, ...] = (0,), **more: Any) -> int:
        """A status document; gaps as (start, end); fields follow from them unless given."""
        gaps = tuple((start, end - start) for start, end in missing)
        stored = self.size - sum(length for _, length in gaps)
        fields: dict[str, Any] = {
            "total_size": self.size,
            "committed_offset": gaps[0][0] if gaps else self.size,
            "chunks_received": chunks,
            "missing_ranges": gaps,
            "progress_percent": 100.0 * stored / self.size,
            "status": "uploading" if gaps else "published",
        }
        fields.update(more.pop("fields", {}))
        return self.ask("status", 200, document=StatusDocument(**fields), **more)

    def event(self, kind: str, *, at: float | None = None, **data: Any) -> None:
        when = self.now + MS // 2 if at is None else int(at * MS)
        self.now = max(self.now, when)
        self.timed.append((when, 1, (kind, data)))

    def sight(self, present: bool = True, **data: Any) -> None:
        """A look at the published name."""
        seen = {"size": self.size, "inode": 7, "mtime_ns": 70} if present else {}
        self.event("sighting", upload="u", present=present, **{**seen, **data})

    def heal(self) -> None:
        self.event("phase", phase="heal")

    def final(
        self,
        *runs: Run,
        size: int | None = None,
        present: bool = True,
        upload: str = "u",
        mode: int | None = None,
    ) -> None:
        """The published file; without runs it is what was declared, honest content throughout."""
        if present and not runs and size is None:
            runs = (run(0, self.size),) if self.size else ()
        if present and size is None:
            size = max((one.offset + one.length for one in runs), default=0)
        self.last.append(Final(upload=upload, present=present, size=size, runs=runs, mode=mode))

    def residue(self, *paths: str, swept: bool = True) -> None:
        self.last.append(Residue(paths=paths, swept=swept))

    def history(self) -> History:
        recorder = Recorder(self.header)
        calls = sorted((entry for entry in self.timed if entry[1] == 0), key=lambda e: e[2][0])
        for time_ns, _, (op, call) in calls:
            assert recorder.invoke(time_ns=time_ns, **call) == op
        for time_ns, rank, what in sorted(self.timed, key=lambda entry: entry[:2]):
            if rank == 1:
                recorder.add(event_of(what[0], time_ns, what[1]))
            elif rank == 2:
                why = what[1].get("error")
                error = None if why is None else NoAnswer(why)
                recorder.complete(what[0], time_ns=time_ns, **{**what[1], "error": error})
        for record in self.last:
            recorder.add(record)
        return recorder.history()


def event_of(kind: str, time_ns: int, data: dict[str, Any]) -> events.Event:
    """The event of a kind, by its type's name."""
    if kind == "fault":
        return struck(
            data["fault"],
            time_ns=time_ns,
            **{name: one for name, one in data.items() if name != "fault"},
        )
    types: dict[str, Any] = {str(one.__struct_config__.tag): one for one in events.KINDS}
    event: events.Event = types[kind](time_ns=time_ns, **data)
    return event


def run(
    start: int, end: int, content: int | None = 0, source: int | None = None, **more: Any
) -> Run:
    """A run of the published file, at its own place unless ``source`` says otherwise."""
    at = start if source is None and content is not None else source
    return Run(offset=start, length=end - start, content=content, source_offset=at, **more)


def fired(history: History) -> set[str]:
    """The names of the checkers that found something."""
    return {one.checker for one in judge(history) if one.findings}


def found(history: History, checker: str) -> Any:
    """The one finding of one checker."""
    (judgement,) = [one for one in judge(history) if one.checker == checker]
    return judgement.findings[0]


def addressed(*, chunks: int = 4, **header: Any) -> Book:
    """A finished, healthy upload of 64 bytes in chunks of 16, not yet closed."""
    book = Book(**header)
    book.create()
    for at in range(chunks):
        book.patch(16 * at, 16 * at + 16, 16 * at + 16, replica=at % 3)
    return book


def sequential(*, chunks: int = 4, **header: Any) -> Book:
    """The same on a sequential target, as a client that asks HEAD first."""
    book = Book(sequential=True, **header)
    book.create()
    for at in range(chunks):
        book.head(16 * at)
        book.patch(16 * at, 16 * at + 16, 16 * at + 16, replica=at % 3)
    return book
