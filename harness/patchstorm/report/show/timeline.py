"""A history as rows and lanes: what happened in order, who did it, and what belongs together."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from patchstorm.dialect.phrases import shortened
from patchstorm.history.events import (
    Beside,
    Damage,
    Event,
    Exit,
    Fault,
    Note,
    Phase,
    ProgramEnd,
    Refusal,
    Sighting,
    Stall,
    Step,
    kind_of,
)
from patchstorm.history.model import History, Operation
from patchstorm.report.show.marks import Mark
from patchstorm.report.show.model import Bar, Lane, Request, Row, Timeline
from patchstorm.report.show.words import (
    answer_text,
    answered,
    called,
    request_text,
    stepped,
)

CHANGING: Final = frozenset({
    "write", "pwrite", "writev", "truncate", "ftruncate", "replace", "rename", "link", "symlink", "unlink",
    "mkdir", "rmdir", "fallocate", "copy_file_range", "copy", "create",
})  # fmt: skip
_FAILED: Final = re.compile(r"E[A-Z0-9]{2,15}", re.ASCII)  # errno(3)


def laid_out(
    history: History,
    told: Sequence[Mark] = (),
    step_ns: int | None = None,
    places: Sequence[str] = (),
) -> Timeline:
    """Everything that ``history`` holds, in the order of its clock. ``told`` is what the story says of it.

    ``step_ns``: where stories count steps, how long one takes on that clock. ``places``: for each step the
    line of source that led to it, if that is known.
    """
    return _Layout(history, told, step_ns, places).whole()


class _Layout:
    def __init__(
        self, history: History, told: Sequence[Mark], step_ns: int | None, places: Sequence[str]
    ) -> None:
        self._history = history
        steps_made = (event for event in history.events if isinstance(event, Step))
        self._places = {id(step): place for step, place in zip(steps_made, places, strict=False)}
        self._step_ns = step_ns
        self._made = sorted(
            event.time_ns
            for event in history.events
            if isinstance(event, Step) and event.step is not None and step_ns is None
        )
        befell = [mark for mark in told if mark.step is not None and mark.fault]
        self._befell: Mapping[int | None, Mark] = _strongest(befell, lambda mark: mark.step)
        steps = [mark for mark in told if mark.step is not None and not mark.fault]
        self._steps: Mapping[int | None, Mark] = _strongest(steps, lambda mark: mark.step)
        alone = [mark for mark in told if mark.step is None]
        self._ops: Mapping[int | None, Mark] = _strongest(alone, lambda mark: mark.op)
        clients = list(dict.fromkeys(one.call.client for one in history.operations))
        self._lane = {name: number for number, name in enumerate(clients)}
        self._replica = len(clients)
        self._storage = len(clients) + history.header.replicas
        self._lanes = (
            *(Lane(name=name, kind="client") for name in clients),
            *(Lane(name=f"replica {n}", kind="replica") for n in range(history.header.replicas)),
            Lane(name="storage", kind="storage"),
        )
        self._said = {one.op: one.body for one in history.events if isinstance(one, Refusal)}
        self._of_client = self._begun()
        self._zero = min((time for time, _, __ in self._things()), default=0)
        self._rows: list[Row] = []
        self._begins: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._bars: list[Bar] = []
        self._open: list[tuple[Fault, int]] = []

    def whole(self) -> Timeline:
        for _, __, thing in sorted(self._things(), key=lambda entry: entry[:2]):
            if isinstance(thing, tuple):
                self._request(*thing)
            else:
                self._event(thing)
        for fault, row in self._open:
            self._bars.append(
                Bar(name=fault.fault, lane=self._where(fault.replica), begin=row, end=-1)
            )
        told = shortened(row.text for row in self._rows)  # ids as stories have them, told apart
        return Timeline(
            lanes=self._lanes,
            rows=tuple(replace(row, text=text) for row, text in zip(self._rows, told, strict=True)),
            requests=tuple(map(self._span, self._history.operations)),
            bars=tuple(self._bars),
            chain=tuple(self._chain()),
        )

    def _things(self) -> Iterator[tuple[int, int, Event | tuple[Operation, bool]]]:
        """Everything with its time; what is of one instant keeps this order: ends, events, begins."""
        for one in self._history.operations:
            yield one.call.time_ns, 2, (one, False)
            if one.end is not None:
                yield one.end.time_ns, 0, (one, True)
        for event in self._history.events:
            if not isinstance(event, Refusal):
                yield event.time_ns, 1, event

    # ---- requests

    def _request(self, one: Operation, ends: bool) -> None:
        call = one.call
        mark = self._ops.get(one.op)
        replica = self._where(call.replica)
        if ends:
            assert one.end is not None
            self._ends[one.op] = len(self._rows)
            text, lanes = f"op {one.op}: {answered(one.end)}", (replica, self._lane[call.client])
        else:
            self._begins[one.op] = len(self._rows)
            text, lanes = f"op {one.op} {called(call)}", (self._lane[call.client], replica)
        self._rows.append(
            Row(
                at=(one.end if ends and one.end is not None else call).time_ns - self._zero,
                kind="answer" if ends else "request",
                lane=lanes[0] if lanes[0] >= 0 else lanes[1],
                to=lanes[1],
                text=text,
                op=one.op,
                key=True,
                matters=mark is not None and mark.matters and not ends,
                why=mark.why if mark is not None and not ends else "",
            )
        )

    def _span(self, one: Operation) -> Request:
        mark = self._ops.get(one.op)
        return Request(
            op=one.op,
            title=f"op {one.op} {one.call.client} {called(one.call)}",
            lane=self._lane[one.call.client],
            replica=self._where(one.call.replica),
            begin=self._begins[one.op],
            end=self._ends.get(one.op, -1),
            outcome=one.outcome,
            status="" if one.end is None else answered(one.end),
            sent=request_text(one),
            answer=answer_text(one, self._said.get(one.op, "")),
            replay_of=-1 if one.call.replay_of is None else one.call.replay_of,
            matters=mark is not None and mark.matters,
        )

    # ---- events

    def _event(self, event: Event) -> None:
        if isinstance(event, Step):
            self._rows.append(self._step(event))
            return
        text, lane, key = self._told(event)
        if isinstance(event, Fault):
            self._fault(event)
        number = self._number(event.time_ns)
        mark = self._befell.get(number) if isinstance(event, Fault) else None
        self._rows.append(
            Row(
                at=event.time_ns - self._zero,
                kind=kind_of(event),
                lane=lane,
                text=text,
                key=key,
                matters=mark is not None and mark.matters,
                why="" if mark is None else mark.why,
            )
        )

    def _step(self, step: Step) -> Row:
        number = self._number(step.time_ns, step.step)
        mark = self._steps.get(number) if number >= 0 else None
        failed = _FAILED.fullmatch(step.result) is not None
        changes = step.call in CHANGING and not failed
        return Row(
            at=step.time_ns - self._zero,
            kind="step",
            lane=self._where(step.replica),
            to=self._storage if changes else -1,
            text=stepped(step),
            op=self._made_for(step),
            step=number,
            key=mark is not None,
            matters=mark is not None and mark.matters,
            why="" if mark is None else mark.why,
            call=step.call,
            path=step.path,
            into=step.to or "",
            offset=-1 if step.offset is None else step.offset,
            length=_length(step),
            size=-1 if step.size is None else step.size,
            failed=failed,
            task=step.task,
            place=self._places.get(id(step), ""),
        )

    def _number(self, time_ns: int, step: int | None = None) -> int:
        """The number by which stories call this moment, or this step; -1 where they tell the time.

        Where no clock moves by steps it is that of the last step that was made by then.
        """
        if self._step_ns is not None:
            return time_ns // self._step_ns
        if not self._made:
            return -1
        return bisect_right(self._made, time_ns) if step is None else step

    def _told(self, event: Event) -> tuple[str, int, bool]:
        """Words, lane, and whether it is always shown."""
        match event:
            case Fault(ends=ends, fault=name, path=path):
                place = f" at {path}" if path else ""
                return (
                    f"fault {name}{' ends' if ends else ''}{place}",
                    self._where(event.replica),
                    True,
                )
            case Exit(code=code, said=said):
                last = said.strip().rpartition("\n")[2]
                return (
                    f"the process ended by itself, code {code}: {last}",
                    self._where(event.replica),
                    True,
                )
            case ProgramEnd(client=client, program=program, code=code, said=said, why=why):
                how = why or f"ended with code {code}"
                last = said.strip().rpartition("\n")[2]
                return f"client {client}, {program}: {how}: {last}", -1, True
            case Phase(phase=phase):
                return f"phase {phase}", -1, True
            case Sighting(upload=upload, present=present, size=size):
                seen = f"{size} bytes" if present else "not there"
                return f"published file of {upload}: {seen}", self._storage, False
            case Beside(path=path):
                return f"{path} appears, and nobody asked for it", self._storage, True
            case Damage(upload=upload, offset=offset, length=length):
                return (
                    f"bytes [{offset}, {offset + length}) of {upload} are destroyed",
                    self._storage,
                    True,
                )
            case Stall(for_ms=for_ms):
                return f"the harness itself was not scheduled for {for_ms} ms", -1, True
            case Note(kind=kind, data=data):
                said = ", ".join(f"{key} {value}" for key, value in data.items())
                return f"{kind} {said}".strip(), self._where(event.replica), False
        return kind_of(event), self._storage, False

    def _fault(self, event: Fault) -> None:
        row = len(self._rows)
        if not event.ends:
            self._open.append((event, row))
            return
        for at in range(len(self._open) - 1, -1, -1):
            fault, begin = self._open[at]
            if (fault.fault, fault.replica, fault.id) == (event.fault, event.replica, event.id):
                del self._open[at]
                lane = self._where(fault.replica)
                self._bars.append(Bar(name=fault.fault, lane=lane, begin=begin, end=row))
                return

    # ---- what belongs together

    def _where(self, replica: int | None) -> int:
        if replica is None or not 0 <= replica < self._history.header.replicas:
            return -1
        return self._replica + replica

    def _begun(self) -> dict[str, list[tuple[int, int]]]:
        begun: dict[str, list[tuple[int, int]]] = {}
        for one in self._history.operations:
            begun.setdefault(one.call.client, []).append((one.call.time_ns, one.op))
        return {client: sorted(found) for client, found in begun.items()}

    def _made_for(self, step: Step) -> int:
        """The latest request that the client of the step's task had begun; it names the task."""
        begun = self._of_client.get(step.task.partition("#")[0])
        at = -1 if begun is None else bisect_right(begun, (step.time_ns, 1 << 62)) - 1
        return -1 if begun is None or at < 0 else begun[at][1]

    def _chain(self) -> Iterator[int]:
        """The rows that matter, in order: each is what made the next one wrong."""
        marked = [number for number, row in enumerate(self._rows) if row.matters]
        done = [number for number in marked if self._rows[number].kind in ("step", "fault")]
        yield from done if len(done) > 1 else marked


def _length(step: Step) -> int:
    """How many bytes were moved; what the call returned says it better than what it was given."""
    if step.call in ("write", "pwrite") and step.result.isdecimal():
        return int(step.result)
    return -1 if step.length is None else step.length


def _strongest(told: Sequence[Mark], key: Callable[[Mark], int | None]) -> dict[int | None, Mark]:
    """Per step or operation the mark that says most: a story may name it twice."""
    found: dict[int | None, Mark] = {}
    for mark in told:
        name = key(mark)
        if name not in found or mark.matters > found[name].matters:
            found[name] = mark
    return found
