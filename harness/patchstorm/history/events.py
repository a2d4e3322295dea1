"""What happened beside the operations: one record for each kind of event.

All have ``time_ns``, on the clock of the history; ``replica`` None means everywhere, or nobody in
particular. Whatever a recorder notes that is none of these is a :class:`Note`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from patchstorm.history.line import Line

Scalar = str | int | float | bool | None


class Fault(Line, frozen=True, kw_only=True, tag="fault"):
    """Something was done to the system; ``ends``: it stops.

    One that ends closes the latest of its kind on its replica, with its ``id`` and ``op`` where it has
    them. ``op``: what the network did to that one delivery. ``path``: where it struck.

    What it is, so that nobody has to know its name: ``loses_power``: what was not synced may be gone;
    ``shifts_clock``: no bound of wall-clock time can be judged; ``deadly``: a process ends without having
    its say; ``of_calls``: single calls were hit, which says nothing of the storage as a whole;
    ``excuses``: it explains that requests fail; ``moves_times``: files have other time
    stamps, and the same bytes.
    """

    time_ns: int
    replica: int | None = None
    fault: str
    id: str | None = None
    op: int | None = None
    path: str | None = None
    ends: bool = False
    loses_power: bool = False
    shifts_clock: bool = False
    deadly: bool = False
    excuses: bool = True
    of_calls: bool = False
    moves_times: bool = False


class Exit(Line, frozen=True, kw_only=True, tag="exit"):
    """A replica's process ended although nobody had told it to; noticed at ``time_ns``.

    ``code`` as a shell has it, negative for a signal; ``said`` is the end of its log.
    """

    time_ns: int
    replica: int | None = None
    code: int
    said: str = ""


class Phase(Line, frozen=True, kw_only=True, tag="phase"):
    """A phase of the run begins: storm, heal, converged, swept."""

    time_ns: int
    phase: str


class Sighting(Line, frozen=True, kw_only=True, tag="sighting"):
    """What a watcher on the storage saw under the published name of ``upload``.

    The look began at ``began_ns`` (None: when it ended, it took no time) and ended at ``time_ns``.
    """

    time_ns: int
    upload: str
    present: bool
    began_ns: int | None = None
    size: int | None = None
    inode: int | None = None
    mtime_ns: int | None = None

    @property
    def began(self) -> int:
        return self.time_ns if self.began_ns is None else self.began_ns


class Beside(Line, frozen=True, kw_only=True, tag="beside"):
    """Something visible beside the targets that no upload asked for.

    ``alike``: it is called as the file of an upload is, whose address the harness does not know.
    """

    time_ns: int
    path: str
    alike: bool = False


class Damage(Line, frozen=True, kw_only=True, tag="damage"):
    """Stored bytes of ``upload`` that the harness itself destroys, right after this was written.

    ``record``: not its bytes are, but what the server wrote down of it. ``left`` is how many bytes of the
    record there are afterwards, ``way`` what became of it, in the words of the fault's option.
    """

    time_ns: int
    upload: str
    offset: int
    length: int
    record: bool = False
    left: int | None = None
    way: str = ""


class Leak(Line, frozen=True, kw_only=True, tag="leak"):
    """What requests left behind on a replica that was done with them, answered or not.

    ``what``: a ``handle``, a file that the process keeps open while it serves nobody; or a ``file`` that is
    there for a request's own time, by the target's word; or ``room``, stored bytes of a range that is missing
    by the answer to ``op``; or ``needless`` room: ``held`` bytes are stored, and no more than ``needed`` of
    them are received by the answer to ``op``, though nobody but sweepers had been at work since ``since_ns``;
    ``path`` is the largest file. ``op`` opened or made the others; None: a sweep did.
    """

    time_ns: int
    replica: int
    what: Literal["handle", "file", "room", "needless"]
    path: str
    op: int | None = None
    held: int = 0
    needed: int = 0
    since_ns: int = 0


class Told(Line, frozen=True, kw_only=True, tag="told"):
    """The target told others that ``upload`` is finished, by a hook or the like."""

    time_ns: int
    upload: str


class Contents(Line, frozen=True, kw_only=True, tag="contents"):
    """How the file of a resource that probes created begins in the end; ``text`` is Latin-1."""

    time_ns: int
    case: str
    attempt: int = 0
    resource: str
    present: bool
    size: int = 0
    text: str = ""


class Stall(Line, frozen=True, kw_only=True, tag="stall"):
    """The harness itself was not scheduled for so long, ending now."""

    time_ns: int
    for_ms: int


class Standstill(Line, frozen=True, kw_only=True, tag="standstill"):
    """The body of operation ``op``, on its way to ``replica``, stands still from here (``ends``: to here).

    ``let_pass``: a schedule let time pass meanwhile although somebody could have run, so that waiting tells
    nothing.
    """

    time_ns: int
    replica: int | None = None
    op: int
    ends: bool = False
    let_pass: bool = False


class Step(Line, frozen=True, kw_only=True, tag="step"):
    """One file-system call, for stories and reach only.

    ``task`` made it as step number ``step`` of the run, in the target's ``phase``. ``to`` is the other name
    of a call that has two; ``size`` is the file's before a write.
    """

    time_ns: int
    replica: int | None = None
    call: str
    path: str = ""
    task: str = ""
    step: int | None = None
    to: str | None = None
    offset: int | None = None
    length: int | None = None
    size: int | None = None
    result: str = ""
    phase: str = ""


class Refusal(Line, frozen=True, kw_only=True, tag="refusal"):
    """What a server said when it refused operation ``op``, for the reader of a failure."""

    time_ns: int
    replica: int | None = None
    op: int
    body: str


class ProgramEnd(Line, frozen=True, kw_only=True, tag="program-end"):
    """A client that is a program of its own has ended.

    ``code`` is as a shell has it, negative for a signal; ``said`` are its last words. Where the harness
    killed it there is no code, and ``why`` says for what. ``created`` counts the creations whose answers
    reached it, ``whole`` the uploads of which an answer that reached it told that all bytes are there.
    """

    time_ns: int
    client: str
    program: str
    code: int | None = None
    said: str = ""
    why: str = ""
    created: int = 0
    whole: int = 0


class Note(Line, frozen=True, kw_only=True, tag="note"):
    """Whatever else somebody's recorder noted; nobody judges by it."""

    time_ns: int
    kind: str
    replica: int | None = None
    data: dict[str, Scalar] = msgspec.field(default_factory=dict)


Event = (
    Fault
    | Exit
    | Phase
    | Sighting
    | Beside
    | Damage
    | Leak
    | Told
    | Contents
    | Stall
    | Standstill
    | Step
    | Refusal
    | ProgramEnd
    | Note
)
KINDS: tuple[type[Event], ...] = (
    Fault, Exit, Phase, Sighting, Beside, Damage, Leak, Told, Contents, Stall, Standstill, Step, Refusal,
    ProgramEnd, Note,
)  # fmt: skip


def kind_of(event: Event) -> str:
    """The word for what an event is: its type, or what a note calls itself."""
    return event.kind if isinstance(event, Note) else str(event.__struct_config__.tag)


def where(event: Event) -> int | None:
    """The replica that an event is about, if it is about one."""
    return (
        event.replica
        if isinstance(event, (Fault, Exit, Leak, Standstill, Step, Refusal, Note))
        else None
    )
