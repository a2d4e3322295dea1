"""One upload's moments, cell by cell: what the search is given where the whole would be too much for it.

Of an offset-addressed upload whose cells stay committed, each cell can be put in order by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import FAR, Case, UploadCase
from patchstorm.check.upload_entries import Problem
from patchstorm.check.upload_model import Commit, Holds, Offset, Shows, UploadOp


def cell_problems(case: Case, upload: UploadCase, whole: Problem) -> Iterator[Problem]:
    """One problem for each cell that differs from its neighbour, of an offset-addressed upload.

    What an answer says of one cell: an offset says that all cells before it are committed and the cell
    at it is not. Of all answers that say *committed* only the one that ended first can matter, of those
    that say *missing* only the one asked last, because cells stay committed.
    """
    if case.sequential or whole.fading or upload.delete_invoked < FAR:
        return
    committed = _earliest_committed(whole)
    missing = _latest_missing(whole)
    covering = _covering(whole)
    final = next((one.op for one in whole.entries if isinstance(one.op, Holds)), None)
    before: object = None
    for cell in range(whole.cells):
        held = None if final is None else _held_at(final, cell)
        looks = (tuple(covering[cell]), committed[cell], missing.get(cell), held)
        if looks == before:
            continue
        before = looks
        problem = _cell_problem(whole, cell, covering[cell], (committed[cell], missing.get(cell)))
        if final is not None and held is not None:
            last = whole.entries[-1]
            problem.add(-1, _holds_one(held, whole.contents), last.call, last.end)
        yield problem


def covering_bytes(whole: Problem) -> int:
    """About what it takes to note, for every cell, which entries cover it."""
    commits = (one.op.cells.bit_count() for one in whole.entries if isinstance(one.op, Commit))
    return 8 * sum(commits) + 100 * whole.cells


def _covering(whole: Problem) -> list[list[int]]:
    covering: list[list[int]] = [[] for _ in range(whole.cells)]
    for index, entry in enumerate(whole.entries):
        if isinstance(entry.op, Commit):
            first = (entry.op.cells & -entry.op.cells).bit_length() - 1
            for cell in range(first, entry.op.cells.bit_length()):
                if not _known(whole, covering[cell], index):
                    covering[cell].append(index)
    return covering


def _known(whole: Problem, covering: list[int], index: int) -> bool:
    """Whether another prefix of the same body may have brought the cell: then this one tells nothing new."""
    if not covering or whole.origin[covering[-1]] != whole.origin[index]:
        return False
    return whole.entries[covering[-1]].end is None


def _earliest_committed(whole: Problem) -> list[int | None]:
    """Per cell, the answer that ended first among those that say it is committed."""
    earliest: list[int | None] = [None] * whole.cells
    reads = [
        (entry.end, index, entry.op.at)
        for index, entry in enumerate(whole.entries)
        if isinstance(entry.op, Offset) and entry.end is not None
    ]
    done = 0
    for _, index, at in sorted(reads):
        for cell in range(done, at):
            earliest[cell] = index
        done = max(done, at)
    return earliest


def _latest_missing(whole: Problem) -> dict[int, int]:
    """Per cell, the answer asked last among those that say it is missing."""
    latest: dict[int, int] = {}
    for index, entry in enumerate(whole.entries):
        if isinstance(entry.op, Offset) and entry.op.at < whole.cells:
            known = latest.get(entry.op.at)
            if known is None or whole.entries[known].call < entry.call:
                latest[entry.op.at] = index
    return latest


def _cell_problem(
    whole: Problem, cell: int, covering: list[int], reads: tuple[int | None, int | None]
) -> Problem:
    problem = Problem(
        cells=1, contents=whole.contents, fading=False, bounds=whole.bounds[cell : cell + 2]
    )
    for index in covering:
        entry = whole.entries[index]
        assert isinstance(entry.op, Commit)
        problem.add(whole.origin[index], Commit(1, entry.op.content), entry.call, entry.end)
    for value, read in zip((1, 0), reads, strict=True):
        if read is not None:
            entry = whole.entries[read]
            problem.add(whole.origin[read], Shows(value, 1), entry.call, entry.end)
    return problem


def _held_at(final: UploadOp, cell: int) -> int | None:
    """Which content index a cell of the file holds; None for one the file does not reach."""
    assert isinstance(final, Holds)
    if not final.cells >> cell & 1:
        return None
    return next((at + 1 for at, one in enumerate(final.others) if one >> cell & 1), 0)


def _holds_one(content: int, contents: int) -> Holds:
    return Holds(1, tuple(int(at == content) for at in range(1, contents)))
