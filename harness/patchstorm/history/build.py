"""Records to one :class:`History` and back.

``assemble`` is where the well-formedness of a history is decided: what it accepts, checkers may rely
on. It knows no files; a problem says which record it is about by its place in the sequence, and the
reader turns that place into a line number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patchstorm.history.events import Event
from patchstorm.history.model import (
    Completion,
    Final,
    Header,
    History,
    Invocation,
    Operation,
    Record,
    Residue,
)


class Malformed(Exception):
    """A sequence of records that is no history. ``place`` is the index of the offending record."""

    def __init__(self, place: int | None, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.place = place
        self.problem = problem
        self.remedy = remedy


class _Assembly:
    """The state of one pass over the records."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self.uploads: frozenset[str] = frozenset()
        self.calls: dict[int, Invocation] = {}
        self.ends: dict[int, Completion] = {}
        self.events: list[Event] = []
        self.finals: dict[str, Final] = {}
        self.residue: Residue | None = None

    def take(self, place: int, record: Record) -> None:
        if isinstance(record, Invocation):
            self._invocation(place, record)
        elif isinstance(record, Completion):
            self._completion(place, record)
        elif isinstance(record, Event):
            self.events.append(record)
        elif isinstance(record, Final):
            self._final(place, record)
        elif isinstance(record, Residue):
            if self.residue is not None:
                raise Malformed(place, "a second residue record", "keep one, written last")
            self.residue = record
        else:
            self._header(place, record)

    def _header(self, place: int, record: Header) -> None:
        if self.header is not None:
            raise Malformed(place, "a second header", "write one history per file")
        ids = [upload.id for upload in record.uploads]
        if len(set(ids)) != len(ids):
            raise Malformed(place, "two uploads with one id", "give every upload its own id")
        if any(upload.size < 0 for upload in record.uploads):
            raise Malformed(place, "an upload of negative size", "write every size in bytes from 0")
        self.header = record
        self.uploads = frozenset(ids)

    def _upload(self, place: int, upload: str | None) -> None:
        if upload is not None and upload not in self.uploads:
            raise Malformed(
                place,
                f"upload {upload!r} is not in the header",
                "list every upload in the header's uploads",
            )

    def _invocation(self, place: int, record: Invocation) -> None:
        if record.op in self.calls:
            raise Malformed(
                place,
                f"operation {record.op} is invoked twice",
                "number operations from 0 without repetition; a retry is a new operation",
            )
        if record.op < 0:
            raise Malformed(place, f"operation index {record.op}", "number operations from 0")
        if record.kind == "probe" and record.probe is None:
            raise Malformed(place, "a probe without its request", "write the field probe")
        if record.upload is None and record.kind not in ("discover", "probe"):
            raise Malformed(place, f"a {record.kind} without upload", "name its upload")
        if record.kind == "append" and (record.offset is None or record.length is None):
            raise Malformed(place, "an append without offset or length", "write both, in bytes")
        if (record.offset or 0) < 0 or (record.length or 0) < 0:
            raise Malformed(place, "a negative offset or length", "write both in bytes from 0")
        self._upload(place, record.upload)
        self.calls[record.op] = record

    def _completion(self, place: int, record: Completion) -> None:
        call = self.calls.get(record.op)
        if call is None:
            raise Malformed(
                place,
                f"operation {record.op} is completed but was never invoked",
                "write the invocation before its first byte is sent, so before its completion",
            )
        if record.op in self.ends:
            raise Malformed(
                place, f"operation {record.op} is completed twice", "keep the first completion"
            )
        if record.time_ns < call.time_ns:
            raise Malformed(
                place,
                f"operation {record.op} is completed before it is invoked",
                "take both times from one monotonic clock",
            )
        self.ends[record.op] = record

    def _final(self, place: int, record: Final) -> None:
        self._upload(place, record.upload)
        if record.upload in self.finals:
            raise Malformed(
                place, f"a second final for upload {record.upload!r}", "keep one for each upload"
            )
        if record.present and record.size is None:
            raise Malformed(place, "a final that is present without size", "write its size")
        end = 0
        for run in record.runs:
            if run.offset < end or run.length <= 0:
                raise Malformed(
                    place,
                    f"runs of {record.upload!r} overlap, go back or are empty at {run.offset}",
                    "list runs in order of offset, each at least one byte long",
                )
            end = run.offset + run.length
        self.finals[record.upload] = record

    def build(self) -> History:
        if self.header is None:
            raise Malformed(None, "no header", "begin with the header record")
        count = len(self.calls)
        for op in range(count):
            if op not in self.calls:
                raise Malformed(
                    None,
                    f"operation indexes are not dense: {op} of 0..{count - 1} is missing",
                    "number operations from 0 without gaps",
                )
        return History(
            header=self.header,
            operations=tuple(
                Operation(call=self.calls[op], end=self.ends.get(op)) for op in range(count)
            ),
            events=tuple(sorted(self.events, key=_event_time)),
            finals=self.finals,
            residue=self.residue,
        )


def _event_time(event: Event) -> int:
    return event.time_ns


def assemble(records: Iterable[Record]) -> History:
    """One history of its records, in the order they were recorded. Raises :class:`Malformed`."""
    assembly = _Assembly()
    for place, record in enumerate(records):
        if (place == 0) != isinstance(record, Header):
            problem = "a second header" if place else "the first record is not the header"
            raise Malformed(place, problem, "write the header once, on the first line")
        assembly.take(place, record)
    return assembly.build()


def records_of(history: History) -> Iterator[Record]:
    """The records of a history, in an order that ``assemble`` takes.

    By time; at one time invocations come first and completions last, which is the reading that
    checkers use (two operations that touch at one instant overlap).
    """
    yield history.header
    timed: list[tuple[int, int, int, Record]] = []
    for operation in history.operations:
        timed.append((operation.call.time_ns, 0, operation.op, operation.call))
        if operation.end is not None:
            timed.append((operation.end.time_ns, 2, operation.op, operation.end))
    for place, event in enumerate(history.events):
        timed.append((event.time_ns, 1, place, event))
    timed.sort(key=lambda entry: entry[:3])
    for entry in timed:
        yield entry[3]
    for upload in sorted(history.finals):
        yield history.finals[upload]
    if history.residue is not None:
        yield history.residue
