"""The moments of one upload that the search has to put in order.

A request may have two: a PATCH commits, and later, before it is answered, the prefix that its answer
announces is read. (A store that reads the prefix within its commit has both at once; demanding that would
accuse one that reads it a moment later.) On a sequential target a body arrives in parts, cut at every offset
that anybody observed or asked for, so that whatever others saw of it can be explained; an unanswered one may
stop after any part, an acknowledged one has all of them before its answer.

Refusals (4xx) have no moment: what they owe is for other checkers to say. Except that an upload said
to be gone, where a DELETE may be the reason, must be gone from then on.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from patchstorm.case.case import FAR, Case, UploadCase, Write, effect_of
from patchstorm.check.upload_model import (
    Append,
    Commit,
    Erase,
    Gone,
    Holds,
    Offset,
    Shows,
    Terminate,
    UploadOp,
)
from patchstorm.check.wgl import Entry
from patchstorm.history.model import Operation

BYTES_AN_ENTRY = 700
"""What an entry and the places that a search keeps for it take, beside the set of cells in it."""


class TooLargeError(Exception):
    """A problem that takes more memory than it may. A set of n cells takes n bits, so that so many entries
    of as many cells take the square."""


@dataclass(slots=True, kw_only=True)
class Problem:
    """What one search is given. ``origin``: per entry, the operation it belongs to, or -1.

    ``bytes_held`` is about what it takes, and never more than ``bytes_max``.
    """

    cells: int
    contents: int
    fading: bool
    bounds: list[int]  # cell i is the bytes [bounds[i], bounds[i + 1])
    entries: list[Entry[UploadOp]] = field(default_factory=list)
    origin: list[int] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)  # per content, the cells that must end so
    bytes_max: int | None = None
    bytes_held: int = 0

    def possible(self, cells: int, content: int) -> bool:
        """Whether bytes nobody was told of can have been stored at all.

        A cell is written once, so one that an acknowledgement or the file shows with another content
        never held this one. Saying so beforehand spares the search most of its dead ends.
        """
        return not any(
            cells & others for index, others in enumerate(self.settled) if index != content
        )

    def add(self, origin: int, op: UploadOp, call: int, end: int | None, after: int = -1) -> int:
        """Add an entry; the result is its index. TooLargeError where there is no room for it."""
        self.bytes_held += BYTES_AN_ENTRY + _weight(op)
        if self.bytes_max is not None and self.bytes_held > self.bytes_max:
            raise TooLargeError
        pure = not isinstance(op, (Commit, Append, Erase, Terminate)) or (
            isinstance(op, Commit) and not self.fading
        )
        self.entries.append(Entry(op=op, call=call, end=end, after=after, pure=pure))
        self.origin.append(origin)
        return len(self.entries) - 1

    def cell(self, byte: int) -> int:
        """The index of the cell that begins at this byte; it must be a boundary."""
        return bisect_left(self.bounds, byte)

    def span(self, start: int, end: int) -> int:
        """The set of cells of a byte range, whose ends must be boundaries."""
        return (1 << self.cell(end)) - (1 << self.cell(start))


def _weight(op: UploadOp) -> int:
    if isinstance(op, (Commit, Erase)):
        return op.cells.bit_length() // 8
    if isinstance(op, Shows):
        return (op.cells.bit_length() + op.mask.bit_length()) // 8
    if isinstance(op, Holds):
        return (op.cells.bit_length() + sum(other.bit_length() for other in op.others)) // 8
    return 0


def problem_of(case: Case, upload: UploadCase, bytes_max: int | None = None) -> Problem:
    """The whole upload as one problem, entries in order of their calls.

    TooLargeError where it would take more than ``bytes_max``.
    """
    contents = sorted({write.content for write in upload.writes} | _final_contents(upload))
    problem = Problem(
        bounds=_bounds(case, upload),
        cells=0,
        contents=max(1, len(contents)),
        fading=bool(upload.damages),
        bytes_max=bytes_max,
    )
    problem.cells = len(problem.bounds) - 1
    index = {content: at for at, content in enumerate(contents)}
    problem.settled = _settled(upload, problem, index)
    for operation in upload.by_invocation:
        _operation(case, upload, problem, operation, index)
    for event in upload.damages:
        start = min(event.offset, upload.size)
        end = min(start + event.length, upload.size)
        problem.add(-1, Erase(problem.span(start, end)), event.time_ns, None)
    _final(case, upload, problem, index)
    return problem


def _bounds(case: Case, upload: UploadCase) -> list[int]:
    bounds = {0, upload.size}
    for write in upload.writes:
        bounds.update((write.start, write.end, write.reach, write.acked))
    for operation in upload.operations:
        end = operation.end
        if end is None:
            continue
        if end.offset is not None:
            bounds.add(end.offset)
        if end.document is not None:
            for at, length in end.document.missing_ranges:
                bounds.update((at, at + length))
    for event in upload.damages:
        bounds.update((event.offset, event.offset + event.length))
    if upload.final is not None:
        for run in upload.final.runs:
            bounds.update((run.offset, run.offset + run.length))
        bounds.add(upload.final.size or 0)
    return sorted(bound for bound in bounds if 0 <= bound <= upload.size)


def _settled(upload: UploadCase, problem: Problem, contents: dict[int, int]) -> list[int]:
    settled = [0] * problem.contents
    if problem.fading:
        return settled
    for write in upload.writes:
        if write.effect == "done":
            settled[contents[write.content]] |= problem.span(write.start, write.acked)
    for content, cells in enumerate(_held(upload, problem, contents) or ()):
        settled[content] |= cells
    return settled


def _final_contents(upload: UploadCase) -> set[int]:
    runs = () if upload.final is None else upload.final.runs
    return {run.content for run in runs if run.content is not None}


def _operation(
    case: Case,
    upload: UploadCase,
    problem: Problem,
    operation: Operation,
    contents: dict[int, int],
) -> None:
    call, end = operation.call, operation.end
    write = upload.by_op.get(operation.op)
    after = -1
    if write is not None and write.effect != "none":
        store = _append if case.sequential else _commit
        after = store(problem, write, contents[write.content])
    if call.kind == "terminate" and effect_of(operation) != "none":
        sure = effect_of(operation) == "done" and end is not None
        due = end.time_ns if sure and end is not None else None
        problem.add(operation.op, Terminate(), call.time_ns, due)
    if end is None or end.status is None:
        return
    if operation.outcome == "ok":
        _read(upload, problem, operation, after)
    elif end.status in (404, 410) and call.kind in ("query", "append", "status"):
        explained = upload.delete_invoked < FAR and upload.expires > end.time_ns
        if explained and not upload.rivals and _created_before(upload, call.time_ns):
            problem.add(operation.op, Gone(), call.time_ns, end.time_ns)


def _created_before(upload: UploadCase, time_ns: int) -> bool:
    return any(
        one.call.kind == "create"
        and one.outcome == "ok"
        and one.end is not None
        and one.end.time_ns < time_ns
        for one in upload.operations
    )


def _read(upload: UploadCase, problem: Problem, operation: Operation, after: int) -> None:
    call, end = operation.call, operation.end
    assert end is not None
    if end.document is not None:
        missing = 0
        for at, length in end.document.missing_ranges:
            start, stop = min(at, upload.size), min(at + length, upload.size)
            missing |= problem.span(start, stop)
        full = (1 << problem.cells) - 1
        problem.add(call.op, Shows(full & ~missing, full), call.time_ns, end.time_ns)
        return
    if call.kind not in ("query", "append", "create") or end.offset is None:
        return
    if 0 <= end.offset <= upload.size:  # beyond: no legal order, and ``offsets`` tells
        problem.add(call.op, Offset(problem.cell(end.offset)), call.time_ns, end.time_ns, after)


def _due(write: Write) -> int | None:
    return write.completed if write.effect == "done" and write.completed < FAR else None


def _commit(problem: Problem, write: Write, content: int) -> int:
    index = -1
    if write.effect == "done" and write.acked > write.start:
        op = Commit(problem.span(write.start, write.acked), content)
        index = problem.add(write.op, op, write.invoked, _due(write))
    if write.reach > write.acked:  # stored or not, nobody was told
        cells = problem.span(write.start, write.reach)
        if problem.possible(cells, content):
            problem.add(write.op, Commit(cells, content), write.invoked, None)
        if write.partial:
            _prefixes(problem, write, content)
    return index if _due(write) is not None else -1


def _prefixes(problem: Problem, write: Write, content: int) -> None:
    """What may have been stored of a body instead of all that was handed over, and nobody was told.

    One prefix, in truth. That several may be, one after the other, is granted: it lets the search explain no
    hole, and nothing that would not be there sooner or later.
    """
    first, last = problem.cell(write.start), problem.cell(write.reach)
    for stop in range(first + 1, last):
        cells = (1 << stop) - (1 << first)
        if not problem.possible(cells, content):
            return
        problem.add(write.op, Commit(cells, content), write.invoked, None)


def _append(problem: Problem, write: Write, content: int) -> int:
    """The parts of one body, in order; the index of the last one that was acknowledged.

    What lies beyond the acknowledgement may have been stored or not.
    """
    first, told = problem.cell(write.start), problem.cell(write.acked)
    last = problem.cell(write.reach)
    # Whatever the server promises: a process that dies within its write(2) leaves a part of what it was
    # writing, and who asks for the size of the file while another appends is told of a part, since Linux
    # moves the size page by page.
    start, index = first, -1
    for stop in range(first + 1, last + 1):
        due = _due(write) if stop <= told else None
        if due is None and not problem.possible((1 << stop) - (1 << start), content):
            break
        op = Append(start, stop, content, write.op + 1, opening=start == first, last=stop == last)
        added = problem.add(write.op, op, write.invoked, due)
        index = index if due is None else added
        start = stop
    return index


def _final(case: Case, upload: UploadCase, problem: Problem, contents: dict[int, int]) -> None:
    """The published file is the last thing read."""
    held = _held(upload, problem, contents)
    if held is None:
        return
    if not case.can("publishes-atomically") and upload.announced == FAR and not case.sequential:
        return
    cells = 0
    for one in held:
        cells |= one
    latest = max((max(entry.call, entry.end or 0) for entry in problem.entries), default=0)
    problem.add(-1, Holds(cells, tuple(held[1:])), latest + 1, latest + 1)


def _held(upload: UploadCase, problem: Problem, contents: dict[int, int]) -> list[int] | None:
    """Per content the cells of the file; None without one, or where it holds what nobody could put
    there, which is for ``bytes`` to tell."""
    final = upload.final
    if final is None or not final.present or upload.owner != upload.id or not final.runs:
        return None
    if (final.size or 0) > upload.size:
        return None
    held = [0] * problem.contents
    for run in final.runs:
        mine = run.upload in (None, upload.id) and run.source_offset in (None, run.offset)
        if run.content is None or not mine:
            return None
        held[contents[run.content]] |= problem.span(run.offset, run.offset + run.length)
    return held


def boundary(whole: Problem, byte: int) -> int:
    """The cell that contains a byte."""
    return min(max(0, bisect_right(whole.bounds, byte) - 1), max(0, whole.cells - 1))
