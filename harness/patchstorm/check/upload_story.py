"""A history without a legal order, told by the few answers that cannot stand together.

The search says only that there is no order. To find what collides, everything after the answer that it
could not place is cut away, then answers are left out one after another as long as what remains still
has no order. (Leaving out an answer only ever permits more, so what remains is a true violation.)
"""

from __future__ import annotations

from patchstorm.case.case import Case, UploadCase
from patchstorm.check.model import Finding
from patchstorm.check.story import describe, finding, show, shows
from patchstorm.check.upload_entries import Problem
from patchstorm.check.upload_model import (
    Append,
    Commit,
    Gone,
    Holds,
    Offset,
    Shows,
    State,
    Terminate,
    UploadOp,
    committed,
    initial,
    stepper,
)
from patchstorm.check.wgl import Entry, Search
from patchstorm.history.ranges import Ranges, Span

NARROW_STEPS = 60_000  # over all attempts; then the story is as short as it got
_READS = (Offset, Shows, Gone, Holds)


def explain(
    case: Case,
    upload: UploadCase,
    problem: Problem,
    search: Search[State, UploadOp],
    checker: str,
) -> Finding:
    """The finding for a search that ended without a legal order."""
    furthest = search.furthest
    assert furthest is not None
    small = _narrow(_cut(problem, furthest.blocked))
    again = _search(small)
    again.advance(NARROW_STEPS)
    deepest = again.furthest
    blocked = len(small.entries) - 1 if deepest is None else deepest.blocked
    state = furthest.state if deepest is None else deepest.state
    reads = [at for at, entry in enumerate(small.entries) if isinstance(entry.op, _READS)]
    causes = {
        small.origin[at]: _says(small, small.entries[at].op)
        for at in {*reads, blocked}
        if small.origin[at] >= 0
    }
    spans = _spans(small, reads, state)
    writers = _writers(small, spans)
    stuck = small.entries[blocked].op
    whose = small.origin[blocked]
    name = "the published file" if whose < 0 else describe(case, case.operation(whose))
    notes = [f"no legal order: {name} {_says(small, stuck)}"]
    if isinstance(stuck, Holds) or any(isinstance(small.entries[at].op, Holds) for at in reads):
        notes.append("the published file was read last, after everything else")
    return finding(
        case,
        checker,
        f"no legal order of the requests exists: {name} {_says(small, stuck)}, which cannot be"
        f" reconciled with {_others(len(causes) - (whose >= 0))}",
        upload=upload,
        spans=spans,
        operations=writers,
        causes=causes,
        notes=notes,
    )


def _others(count: int) -> str:
    return "the requests before it" if count <= 0 else f"{count} other answers"


def _search(problem: Problem) -> Search[State, UploadOp]:
    return Search(
        problem.entries,
        initial(problem.contents),
        stepper(problem.cells, fading=problem.fading),
        forgetful=not problem.fading,
    )


def _select(problem: Problem, chosen: list[tuple[int, Entry[UploadOp]]]) -> Problem:
    """The same problem with some entries only; ``after`` is renumbered."""
    places = {index: at for at, (index, _) in enumerate(chosen)}
    return Problem(
        cells=problem.cells,
        contents=problem.contents,
        fading=problem.fading,
        bounds=problem.bounds,
        entries=[
            Entry(
                op=entry.op,
                call=entry.call,
                end=entry.end,
                after=places.get(entry.after, -1),
                pure=entry.pure,
            )
            for _, entry in chosen
        ],
        origin=[problem.origin[index] for index, _ in chosen],
    )


def _cut(problem: Problem, blocked: int) -> Problem:
    """Nothing that began after the blocked entry ended; what ended later may or may not count."""
    limit = problem.entries[blocked].end
    if limit is None:
        return problem
    chosen: list[tuple[int, Entry[UploadOp]]] = []
    for index, entry in enumerate(problem.entries):
        if entry.call > limit:
            continue
        if entry.end is not None and entry.end > limit:
            if isinstance(entry.op, _READS):
                continue
            entry = Entry(op=entry.op, call=entry.call, end=None, after=entry.after, pure=False)  # noqa: PLW2901
        chosen.append((index, entry))
    small = _select(problem, chosen)
    return small if _violates(small, NARROW_STEPS // 2)[0] else problem


def _violates(problem: Problem, steps: int) -> tuple[bool, int]:
    search = _search(problem)
    used = search.advance(steps)
    return search.verdict is False, used


def _narrow(problem: Problem) -> Problem:
    """Leave out reads in ever smaller groups while a violation remains, within a bound of steps."""
    left = NARROW_STEPS
    reads = [at for at, entry in enumerate(problem.entries) if isinstance(entry.op, _READS)]
    size = max(1, len(reads) // 2)
    while left > 0:
        at = 0
        while at < len(reads) and left > 0:
            dropped = set(reads[at : at + size])
            kept = [one for one in enumerate(problem.entries) if one[0] not in dropped]
            smaller = _select(problem, kept)
            violates, used = _violates(smaller, left)
            left -= used + 1
            if violates:
                problem = smaller
                reads = [
                    index
                    for index, entry in enumerate(problem.entries)
                    if isinstance(entry.op, _READS)
                ]
            else:
                at += size
        if size == 1:
            break
        size //= 2
    return problem


def _says(problem: Problem, op: UploadOp) -> str:
    if isinstance(op, Offset):
        return f"says that the prefix ends at {problem.bounds[op.at]}"
    if isinstance(op, Shows):
        if problem.cells == 1:
            where = show((problem.bounds[0], problem.bounds[1]))
            return f"says that {where} is {'stored' if op.cells else 'not stored'}"
        parts = _bytes(problem, op.cells)
        return f"says that {shows(parts) if parts else 'nothing'} is stored"
    if isinstance(op, Gone):
        return "says that the upload is gone"
    if isinstance(op, Holds):
        held = [_bytes(problem, cells) for cells in op.others]
        others = [f"content {at} at {shows(one)}" for at, one in enumerate(held, 1) if one]
        return f"holds {', '.join(others) if others else 'one content throughout'}"
    if isinstance(op, Append):
        span = (problem.bounds[op.start], problem.bounds[op.end])
        return f"was accepted for {show(span)}"
    if isinstance(op, Commit):
        return f"was accepted for {shows(_bytes(problem, op.cells))}"
    return "took effect"


def _bytes(problem: Problem, cells: int) -> list[Span]:
    """A set of cells as byte ranges."""
    found = Ranges()
    at = 0
    while cells:
        skip = (cells & -cells).bit_length() - 1
        cells >>= skip
        at += skip
        run = (~cells & (cells + 1)).bit_length() - 1
        found.add(problem.bounds[at], problem.bounds[at + run])
        cells >>= run
        at += run
    return list(found)


def _spans(problem: Problem, reads: list[int], state: State) -> list[Span]:
    """Where the answers disagree with each other, or one answer with the state reached."""
    ops = [problem.entries[at].op for at in reads]
    sets = [op for op in ops if isinstance(op, (Shows, Holds))]
    ends = [op.at for op in ops if isinstance(op, Offset)]
    if not sets:
        if not ends:
            return []
        low, high = min(*ends, state[1]), max(*ends, state[1])
        last = min(max(high, low + 1), problem.cells)
        return [(problem.bounds[min(low, last)], problem.bounds[last])]
    views = [op.cells for op in sets] + [(1 << end) - 1 for end in ends]
    if len(views) == 1:
        views.append(committed(state))
    union, common = 0, -1
    for view in views:
        union |= view
        common &= view
    return _bytes(problem, union & ~common)


def _writers(problem: Problem, spans: list[Span]) -> list[int]:
    """Whoever stored, or may have stored, bytes where the answers disagree; and terminations."""
    found = set()
    for entry, origin in zip(problem.entries, problem.origin, strict=True):
        if isinstance(entry.op, Terminate):
            found.add(origin)
            continue
        if isinstance(entry.op, Commit):
            parts = _bytes(problem, entry.op.cells)
        elif isinstance(entry.op, Append):
            parts = [(problem.bounds[entry.op.start], problem.bounds[entry.op.end])]
        else:
            continue
        if not spans or any(a < d and c < b for a, b in parts for c, d in spans):
            found.add(origin)
    return sorted(found)
