"""A failing schedule told in at most a screen: the few steps that matter, by replica, the cause marked.

What matters: the requests that the finding names; each choice that was not dull; and around it the
*causal pair*, which is what one task had learnt before it was held up, and what another changed
meanwhile. When a cache answered with something old, the pair is that answer and the change it missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from patchstorm.check.model import Finding
from patchstorm.choice.replay import NEXT, STRIKE, SWITCH
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import HOST_LOSES_POWER, PROCESS_DIES
from patchstorm.dialect.registry import words_of
from patchstorm.dialect.words import Words
from patchstorm.history.model import History, Operation
from patchstorm.worlds.sim.agenda import STEP_NS
from patchstorm.worlds.sim.tracing import StepRecord

LINES_MAX = 24
_LONG = re.compile(r"[0-9a-f]{12,}")
_STRIKES = {PROCESS_DIES: "its process is killed", HOST_LOSES_POWER: "its host loses power"}


@dataclass(frozen=True, slots=True)
class _Line:
    time_ns: int
    order: int
    text: str
    cause: bool


def tell(
    history: History,
    steps: Sequence[StepRecord],
    choices: Sequence[Choice],
    paths: Mapping[str, int],
    findings: Sequence[Finding],
    forced: Sequence[Choice] = (),
) -> tuple[str, ...]:
    """The story's lines, first to last; the causal ones begin with ``->``.

    ``forced`` are choices that a fault made; those of the requests in the first finding are told.
    """
    story = _Story(history, steps, paths)
    for choice in choices:
        story.choice(choice)
    told = findings[0].operations if findings else ()
    for choice in forced:
        if paths.get(choice.task) in told:
            story.old_answer(choice)
    for op in told:
        story.operation(op)
    return story.lines()


class _Story:
    def __init__(
        self, history: History, steps: Sequence[StepRecord], paths: Mapping[str, int]
    ) -> None:
        self._operations = history.operations
        self._words = words_of(history.header.dialect)
        self._by_task: dict[str, list[StepRecord]] = {}
        for record in steps:
            self._by_task.setdefault(record.task, []).append(record)
        self._steps = steps
        self._paths = paths
        self._lines: dict[tuple[int, int, str], _Line] = {}

    def choice(self, choice: Choice) -> None:
        """What one choice did."""
        if choice.kind == SWITCH:
            self._held_up(choice)
        elif choice.kind == STRIKE:
            self._struck(choice)
        elif choice.kind.startswith(("nfs.", "nfs3.")):
            self.old_answer(choice, alone=True)
        elif choice.kind.startswith("power."):
            return
        self._request_of(choice.task)
        if choice.target is not None and choice.kind != NEXT:
            self._request_of(choice.target)

    def _held_up(self, choice: Choice) -> None:
        before, after = self._around(choice.task, choice.step)
        pending = after[0] if after else None
        if pending is not None:
            began = before[-1].time_ns if before else pending.time_ns
            text = f"{choice.task} is held up before {_call(pending)}; {choice.target} goes on"
            self._add(began + 1, pending.replica, text, cause=False)
        pair = self._pair(before, after)
        if pair is None:
            return
        learnt, changed = pair
        self._step(learnt, "what it then relied on")
        self._step(changed, "changed meanwhile")
        relied = next((one for one in after if one.footprint.writes), None)
        if relied is not None:
            self._step(relied, "done on what had changed")

    def _pair(
        self, before: Sequence[StepRecord], after: Sequence[StepRecord]
    ) -> tuple[StepRecord, StepRecord] | None:
        """The last thing that the task had looked at and that another changed while it stood still."""
        if not before or not after:
            return None
        since, until = before[-1].step, after[0].step
        meanwhile = [
            one
            for one in self._steps
            if since < one.step < until and one.task != before[-1].task and one.footprint.writes
        ]
        for learnt in reversed(before):
            if learnt.footprint.call in ("open", "close"):
                continue
            touched = {*learnt.footprint.reads, *learnt.footprint.writes} - {
                name for name in learnt.footprint.writes if name.startswith("!")
            }
            for changed in meanwhile:
                if touched & set(changed.footprint.writes):
                    return learnt, changed
        return None

    def old_answer(self, choice: Choice, *, alone: bool = False) -> None:
        """An answer out of a cache and the change by another replica that it misses.

        Where there is no such change it is told only if it may stand ``alone``.
        """
        _, after = self._around(choice.task, choice.step)
        if not after:
            return
        asked = after[0]
        wanted = {*asked.footprint.reads, *asked.footprint.writes}
        missed = next(
            (
                one
                for one in reversed(self._steps)
                if one.step < asked.step
                and one.replica != asked.replica
                and wanted & set(one.footprint.writes)
            ),
            None,
        )
        if missed is not None:
            self._step(missed, "the change that it misses")
        if missed is not None or alone:
            self._step(asked, f"answered from an old cache ({choice.kind})")

    def _struck(self, choice: Choice) -> None:
        before, _ = self._around(choice.task, choice.step)
        what = _STRIKES.get(choice.value, "the storage loses power")
        if before:
            last = before[-1]
            self._step(last, "its last step")
            self._add(last.time_ns + 1, last.replica, f"{choice.task}: {what}", cause=True)

    def _around(self, task: str, local: int) -> tuple[list[StepRecord], list[StepRecord]]:
        records = self._by_task.get(task, [])
        return (
            [one for one in records if one.local < local],
            [one for one in records if one.local >= local],
        )

    def _request_of(self, task: str) -> None:
        op = self._paths.get(task)
        if op is not None:
            self.operation(op)

    def operation(self, op: int) -> None:
        """A request's begin and end."""
        if op >= len(self._operations):
            return
        operation = self._operations[op]
        call, end = operation.call, operation.end
        self._add(call.time_ns, call.replica, _asks(operation, self._words), cause=False, order=0)
        if end is not None:
            answer = end.error if end.status is None else str(end.status)
            offset = "" if end.offset is None else f", {self._words.offset} {end.offset}"
            self._add(
                end.time_ns, call.replica, f"op {op} is answered {answer}{offset}", cause=False,
                order=2,
            )  # fmt: skip

    def _step(self, record: StepRecord, remark: str) -> None:
        text = f"{record.task} {_call(record)}"
        if record.result:
            text += f" -> {record.result}"
        self._add(record.time_ns, record.replica, f"{text}   <- {remark}", cause=True)

    def _add(
        self, time_ns: int, replica: int | None, text: str, *, cause: bool, order: int = 1
    ) -> None:
        where = "" if replica is None else f"replica {replica}"
        mark = "-> " if cause else "   "
        line = f"{mark}step {time_ns // STEP_NS:>5}  {where:<10} {_short(text)}"
        self._lines.setdefault((time_ns, order, line), _Line(time_ns, order, line, cause))

    def lines(self) -> tuple[str, ...]:
        """In order of time, at most a screen: what goes first is answers, then who was held up, and
        of the causes the earliest."""
        ordered = sorted(self._lines.values(), key=lambda one: (one.time_ns, one.order, one.text))
        for keeps_steps in (True, False):
            surplus = len(ordered) - LINES_MAX
            kept: list[_Line] = []
            for line in ordered:
                if surplus > 0 and not line.cause and not (keeps_steps and line.order == 1):
                    surplus -= 1
                else:
                    kept.append(line)
            ordered = kept
        return tuple(line.text for line in ordered[-LINES_MAX:])


def _asks(operation: Operation, words: Words) -> str:
    call = operation.call
    text = f"op {call.op} {call.client} {words.verb(call.kind)}"
    if call.length is not None:
        start = call.offset or 0
        text += f" [{start}, {start + call.length})"
    if call.content:
        text += f" content {call.content}"
    return text if call.replay_of is None else f"{text}, op {call.replay_of} again"


def _call(record: StepRecord) -> str:
    detail = record.detail
    text = f"{record.call} {record.path}"
    if "to" in detail:
        text += f" to {detail['to']}"
    if "length" in detail:
        at = detail.get("offset", detail.get("size"))
        text += f" {detail['length']} bytes" + ("" if at is None else f" at {at}")
    return text


def _short(text: str) -> str:
    """Long identifiers by their last four characters."""
    return _LONG.sub(lambda found: "~" + found[0][-4:], text)


def joined(lines: Iterable[str]) -> str:
    return "\n".join(lines)
