"""What the page's script is given: plain data, as short as a long history needs it."""

from __future__ import annotations

from typing import Literal

import msgspec

LaneKind = Literal["client", "replica", "storage"]


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """A column."""

    name: str
    kind: LaneKind


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened, from top to bottom.

    ``at``: nanoseconds since the first. ``lane`` and ``to`` index the lanes (``to``: where an arrow leads; a
    step that changes something leads to the storage), ``op`` is the request it belongs to. ``key``: a reader
    who wants only what matters sees it; ``why``: what it was in the cause. For a step ``path``, ``into``,
    ``offset``, ``length``, ``size`` and ``failed`` say what became of the file, ``task`` who made it, and
    ``place`` from which line of the store.
    """

    at: int
    kind: str
    lane: int
    text: str
    to: int = -1
    op: int = -1
    step: int = -1
    key: bool = False
    matters: bool = False
    why: str = ""
    call: str = ""
    path: str = ""
    into: str = ""
    offset: int = -1
    length: int = -1
    size: int = -1
    failed: bool = False
    task: str = ""
    place: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request and its answer. ``begin`` and ``end`` are rows; ``end`` -1: it never ended."""

    op: int
    title: str
    lane: int
    replica: int
    begin: int
    end: int
    outcome: str
    status: str
    sent: str
    answer: str
    replay_of: int = -1
    matters: bool = False


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A fault in force. ``lane`` -1: everywhere. ``end`` -1: to the end."""

    name: str
    lane: int
    begin: int
    end: int


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of a file and the requests that may have put them there; none: nobody's bytes."""

    offset: int
    length: int
    writers: tuple[int, ...]
    says: str


class Strip(msgspec.Struct, frozen=True, kw_only=True):
    """One file. ``wanted``: its declared size, -1: nobody declared one. ``wrong``: ranges of findings."""

    name: str
    size: int
    wanted: int
    extents: tuple[Extent, ...]
    wrong: tuple[tuple[int, int], ...] = ()


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in order. ``chain``: rows of which each is a cause of the next."""

    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...]
    requests: tuple[Request, ...]
    bars: tuple[Bar, ...]
    chain: tuple[int, ...]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """From ``row`` on the host of the replica in ``lane`` holds these things to be so, and they are not."""

    row: int
    lane: int
    says: tuple[str, ...]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What the script reads."""

    timeline: Timeline
    strips: tuple[Strip, ...]
    held: tuple[Held, ...] = ()
