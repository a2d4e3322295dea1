"""An upload as an abstract object: a write-once map, or a prefix that only grows.

Byte positions are cut into *cells* at every boundary that any request, answer or run names, so a cell
is never partly anything, and a set of cells is one integer (bit i is cell i). Two models share the
reads. *Offset-addressed*: a commit is legal where it contradicts nothing. *Sequential*: an append is
legal exactly at the current offset.

What can never become legal again is answered with None, which lets the search give up early: committed
cells stay, unless the harness destroyed some (``fading``), in which case nothing is ever given up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from patchstorm.check.wgl import Entry, Step, Wants

# terminated; length of the committed prefix; committed cells after it, shifted down; cells that hold
# contents other than the first (which holds the rest of what is committed); who is in the middle of an
# append.
State = tuple[bool, int, int, tuple[int, ...], int]


@dataclass(frozen=True, slots=True)
class Commit:
    """Cells of one content become committed, all or none."""

    cells: int
    content: int


@dataclass(frozen=True, slots=True)
class Append:
    """The offset moves from one cell boundary to another.

    One body may arrive in parts that others can observe. Every part but the ``opening`` one goes on only
    where the same ``writer``, a number above 0, has left off; ``last`` ends it.
    """

    start: int
    end: int
    content: int
    writer: int
    opening: bool = True
    last: bool = True


@dataclass(frozen=True, slots=True)
class Offset:
    """Somebody was told that the committed prefix ends at this cell boundary."""

    at: int


@dataclass(frozen=True, slots=True)
class Shows:
    """Somebody was told exactly which cells are committed; ``mask``: of which cells it is said."""

    cells: int
    mask: int


@dataclass(frozen=True, slots=True)
class Holds:
    """The file holds these cells, and of every content but the first these."""

    cells: int
    others: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Erase:
    """Stored bytes were destroyed by the harness, and the target notices."""

    cells: int


@dataclass(frozen=True, slots=True)
class Terminate:
    """A DELETE."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Somebody was told that the upload does not exist."""


UploadOp = Commit | Append | Offset | Shows | Holds | Erase | Terminate | Gone
Next = tuple[State, ...] | None


def initial(contents: int) -> State:
    """Nothing stored; so many contents may come."""
    return (False, 0, 0, (0,) * max(0, contents - 1), 0)


def weight(state: State) -> int:
    """About how many bytes the sets in a state take: one bit for each cell up to the last one."""
    return (state[2].bit_length() + sum(other.bit_length() for other in state[3])) // 8


def committed(state: State) -> int:
    """The cells committed, as a set."""
    return ((1 << state[1]) - 1) | (state[2] << state[1])


def stepper(cells: int, *, fading: bool = False) -> Step[State, UploadOp]:
    """The model of an upload of so many cells."""
    full = (1 << cells) - 1
    never: Next = () if fading else None

    def step(state: State, op: UploadOp) -> Next:
        gone, prefix = state[:2]
        if gone and isinstance(op, (Commit, Append, Offset, Shows)):
            return _afterwards(state, op, cells)
        if isinstance(op, Offset):
            if prefix == op.at:
                return (state,)
            return never if prefix > op.at else ()
        if isinstance(op, Commit):
            if _contradicts(state, op):
                return never
            return (_with(state, op.cells, op.content),)
        if isinstance(op, Append):
            if prefix != op.start:
                return never if prefix > op.start else ()
            if not op.opening and state[4] != op.writer:
                return never
            grown = _with(state, (1 << op.end) - (1 << op.start), op.content)
            return ((*grown[:4], 0 if op.last else op.writer),)
        return _rare(state, op, full, never)

    return step


_ADDS = (Commit, Offset, Shows, Holds)


def wants(
    entries: Iterable[Entry[UploadOp]], *, fading: bool = False
) -> Wants[State, UploadOp] | None:
    """What helps which of these operations; None where some of them do more than add and look."""
    if fading:
        return None
    for entry in entries:
        if not isinstance(entry.op, _ADDS) or (entry.end is None and entry.after >= 0):
            return None
    return Wants(wants=_lacks, brings=_brings)


def _lacks(state: State, op: UploadOp) -> int:
    """The first cell that has to be committed before."""
    if isinstance(op, Offset):
        return 1 << state[1] if state[1] < op.at else 0
    if isinstance(op, (Shows, Holds)):
        missing = op.cells & ~committed(state)
        return missing & -missing
    return 0


def _brings(op: UploadOp) -> int:
    return op.cells if isinstance(op, Commit) else 0


def _contradicts(state: State, op: Commit) -> bool:
    """Whether any of the cells is committed with another content."""
    others = state[3]
    if not others:
        return False
    if op.content:
        return bool(op.cells & committed(state) & ~others[op.content - 1])
    return any(op.cells & other for other in others)


def _with(state: State, cells: int, content: int) -> State:
    """The state with these cells committed as well."""
    gone, prefix, rest, others, writer = state
    more = (cells >> prefix) & ~rest
    if not more:
        return state
    if content:
        mine = others[content - 1] | (more << prefix)
        others = (*others[: content - 1], mine, *others[content:])
    rest |= more
    run = (~rest & (rest + 1)).bit_length() - 1  # how many low bits are set
    return (gone, prefix + run, rest >> run, others, writer)


def _rare(state: State, op: UploadOp, full: int, never: Next) -> Next:
    gone, others = state[0], state[3]
    have = committed(state)
    if isinstance(op, Shows):
        if have & op.mask == op.cells:
            return (state,)
        return never if have & op.mask & ~op.cells else ()
    if isinstance(op, Holds):
        return (state,) if have == op.cells and others == op.others else ()
    if isinstance(op, Erase):
        lasting = tuple(one & ~op.cells for one in others)
        return (_with((gone, 0, 0, lasting, 0), have & ~op.cells, 0),)
    if isinstance(op, Terminate):
        return ((True, *state[1:]),)
    return (state,) if gone or have == full else ()


def _afterwards(state: State, op: UploadOp, cells: int) -> Next:
    """After termination nothing is stored any more, and whoever is answered must be told so.

    Except that an upload complete by then may live on as its published file: true answers about that
    are left open.
    """
    if state[1] != cells or isinstance(op, Append):
        return None
    if isinstance(op, Offset):
        return (state,) if op.at == cells else None
    if isinstance(op, Shows):
        return (state,) if op.cells == op.mask else None
    return None if isinstance(op, Commit) and _contradicts(state, op) else (state,)
