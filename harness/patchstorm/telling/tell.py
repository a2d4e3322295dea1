"""A failing schedule told in at most a screen: the few steps that matter, by replica, the cause marked.

What matters: the requests that the finding names, and what they changed on the storage; each fault, and
each call that it made fail; each choice that was not dull; what the sweepers took away; and around a choice
or a pause the *causal pair*, which is what one task had learnt before it was held up, and what another
changed meanwhile. When a cache answered with something old, the pair is that answer and the change it missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from patchstorm.check.model import Finding
from patchstorm.choice.replay import NEXT, STANDS, STRIKE, SWITCH
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import STANDS_MS
from patchstorm.dialect.phrases import answer_headers, befell, quoted
from patchstorm.dialect.registry import words_of
from patchstorm.history.events import Damage, Exit, Fault, Standstill
from patchstorm.history.model import History
from patchstorm.history.no_answer import NoAnswer
from patchstorm.scenario.faults import FAULTS
from patchstorm.telling.causes import granted, in_vain, looked_last, missed, pair, relied
from patchstorm.telling.changes import began_at, passes, seen
from patchstorm.telling.lines import Order, Page, Weight
from patchstorm.telling.phrasing import asked_of, asks, did, likeness, private
from patchstorm.telling.record import NEVER, SWEEPER, Account, StepRecord

ALIKE_MAX = 3
SWEPT_TOLD = 3
STRUCK_MAX = 8
DEEDS_MAX = 10
PAIRS_MAX = 2
DIED_MAX = 2
CHOICES_MAX = 12
FINDINGS_MAX = 3
TRIES_MIN = 4
SERVER_ERROR = 500
_REMOVALS = ("unlink", "rmdir")
_ABOUT_ANSWERS = ("protocol", "conformance")


def tell(history: History, account: Account, findings: Sequence[Finding]) -> tuple[str, ...]:
    """The story's lines, first to last; the causal ones begin with ``->``."""
    story = _Story(history, account)
    for choice in _told_of(account, findings):
        story.choice(choice)
    story.forced(account.forced, findings)
    story.findings(findings)
    story.faults()
    if not findings or findings[0].checker not in _ABOUT_ANSWERS:
        story.swept()
    return story.page.lines()


def _told_of(account: Account, findings: Sequence[Finding]) -> Sequence[Choice]:
    """Of the many choices of an order that was not made smaller, those about the first finding's requests."""
    if len(account.choices) <= CHOICES_MAX or not findings:
        return account.choices
    named = set(findings[0].operations)
    about = [
        one
        for one in account.choices
        if one.kind == STRIKE
        or account.paths.get(one.task) in named
        or account.paths.get(one.target or "") in named
    ]
    return about or account.choices


class _Story:
    def __init__(self, history: History, account: Account) -> None:
        steps, paths = account.steps, account.paths
        self._numbering = account.numbering()
        self.page = Page(self._numbering.number)
        self._history = history
        self._operations = history.operations
        self._words = words_of(history.header.dialect)
        self._by_task: dict[str, list[StepRecord]] = {}
        self._by_doer: dict[str, list[StepRecord]] = {}
        for record in steps:
            self._by_task.setdefault(record.task, []).append(record)
            self._by_doer.setdefault(record.doer, []).append(record)
        self._steps = steps
        self._paths, self._said, self._names = paths, account.said, account.names
        self._tasks = {op: task for task, op in paths.items()}
        self._told: set[int] = set()
        self._counted: set[int] = set()
        self._struck_by: set[str] = set()
        self._struck_ops: set[int] = set()
        self._waited: set[int] = set()

    # -- choices --------------------------------------------------------------------------------------

    def choice(self, choice: Choice) -> None:
        """What one choice did."""
        if choice.kind in (SWITCH, STANDS):
            self._held_up(choice)
        elif choice.kind == STRIKE:
            self._struck(choice)
        elif choice.kind.startswith(("nfs.", "nfs3.")):
            self._old_answer(choice, alone=True)
        elif choice.kind.startswith("power."):
            return
        self._request_of(choice.task)
        if choice.target is not None and choice.kind.partition("#")[0] != NEXT:
            self._request_of(choice.target)

    def _held_up(self, choice: Choice) -> None:
        before, after = self._around(choice.task, choice.step)
        pending = after[0] if after else None
        if pending is not None:
            began = before[-1].time_ns if before else pending.time_ns
            told = asked_of(
                pending, began_at(pending, self._steps, before[-1].step if before else pending.step)
            )
            if choice.kind == STANDS:
                others = f"others go on for {STANDS_MS[choice.value - 1]} ms"
            else:
                others = f"{self._doing(choice)} goes on"
            text = f"{pending.doer} is held up before {told}; {others}"
            self.page.add(began + 1, pending.replica, text, Weight.HELD)
            self._request_of(pending.doer)
        self._pair(before, after)

    def _doing(self, choice: Choice) -> str:
        """Who goes on, by what it does next."""
        target = choice.target or ""
        if target in self._paths:
            return target
        began = self._around(choice.task, choice.step)[1]
        since = began[0].step if began else 0
        ahead = [one for one in self._by_task.get(target, ()) if one.step < since]
        return ahead[-1].doer if ahead else target

    def _pair(self, before: Sequence[StepRecord], after: Sequence[StepRecord]) -> bool:
        """Tell what was learnt, changed meanwhile and done all the same; whether there was such a pair."""
        found = pair(self._steps, before, after)
        if found is None:
            return False
        learnt, changed = found
        given = granted(self._steps, learnt, changed)
        if given is not None:
            self._step(given[0], "what it then relied on")
            self._step(given[1], "changed meanwhile")
        self._step(learnt, "what it then relied on")
        self._step(changed, "changed meanwhile")
        done = relied(after)
        if done is not None:
            self._step(done, "done on what had changed")
        return True

    def _old_answer(self, choice: Choice, *, alone: bool = False) -> None:
        """An answer out of a cache and the change by another replica that it misses.

        Where there is no such change it is told only if it may stand ``alone``.
        """
        _, after = self._around(choice.task, choice.step)
        if not after:
            return
        change = missed(self._steps, after[0])
        if change is not None:
            self._step(change, "the change that it misses")
        if change is not None or alone:
            self._step(after[0], f"answered from an old cache ({choice.kind})")

    def _struck(self, choice: Choice) -> None:
        """The fault itself is in the history, as those of the plan are."""
        before, after = self._around(choice.task, choice.step)
        if after and after[0].result == NEVER:
            self._step(after[0], "it dies before this call")
        if before:
            self._step(before[-1], "its last step")

    def _around(self, task: str, local: int) -> tuple[list[StepRecord], list[StepRecord]]:
        records = self._by_task.get(task, [])
        return (
            [one for one in records if one.local < local],
            [one for one in records if one.local >= local],
        )

    # -- faults ---------------------------------------------------------------------------------------

    def forced(self, forced: Sequence[Choice], findings: Sequence[Finding]) -> None:
        """Calls that a fault made fail, and old answers that it made caches give."""
        told = findings[0].operations if findings else ()
        struck = 0
        for choice in forced:
            if not choice.kind.startswith(("nfs.", "nfs3.")):
                struck += 1
                self._struck_by.add(choice.kind)
                self._struck_ops.add(self._paths.get(choice.task, -1))
                if struck <= STRUCK_MAX:
                    self._made_to_fail(choice)
            elif self._paths.get(choice.task) in told:
                self._old_answer(choice)

    def _made_to_fail(self, choice: Choice) -> None:
        record = next(
            (one for one in self._by_task.get(choice.task, ()) if one.local >= choice.step), None
        )
        if record is not None:
            self._step(record, f"fault {choice.kind} struck here", Weight.FAULT)
            self._request_of(record.doer)

    def faults(self) -> None:
        """Whatever was done to the fleet or to a request that is told, and what took it back.

        Of a fault of single calls it is the calls that are told, where any was made to fail.
        """
        for event in self._history.events:
            if isinstance(event, Damage):
                self.page.add(event.time_ns, None, self._befell(event), Weight.FAULT)
            elif isinstance(event, Exit) or (
                isinstance(event, Standstill) and event.op in self._told
            ):
                self.page.add(event.time_ns, event.replica, self._befell(event), Weight.FAULT)
            elif isinstance(event, Fault) and (event.op is None or event.op in self._told):
                if event.fault in ("damage", "record-damage"):
                    continue  # what was damaged stands beside it
                if event.deadly and not event.ends:
                    self._last_steps(event)
                single = event.fault in FAULTS and FAULTS[event.fault].of_calls
                if event.ends and (single or event.op is not None or self._at_once(event)):
                    continue
                if single and event.fault in self._struck_by:
                    continue
                weight = Weight.OVER if event.ends or single else Weight.FAULT
                self.page.add(event.time_ns, event.replica, self._befell(event), weight)
                if event.fault == "pause" and event.ends:
                    self._stood_still(event)

    def _befell(self, event: Fault | Damage | Exit | Standstill) -> str:
        """What was done, with the names that the calls have."""
        text = befell(event)
        for minted, name in self._names.items():
            text = text.replace(minted, name)
        return text

    def _last_steps(self, death: Fault) -> None:
        """What the requests that died with a replica had come to."""
        died = [
            one
            for one in self._operations
            if one.end is not None
            and one.end.error is NoAnswer.RESET
            and one.call.time_ns <= death.time_ns
            and self._numbering.ended_by(death.time_ns, one.end.time_ns)
            and death.replica in (None, one.call.replica)
        ]
        for one in died[:DIED_MAX]:
            self.operation(one.op, weight=Weight.ASIDE)
            self._deeds(one.op)
            records = self._by_doer.get(self._tasks.get(one.op, ""), [])
            before = [record for record in records if record.time_ns <= death.time_ns]
            if before:
                self._step(before[-1], "its last step")

    def _stood_still(self, end: Fault) -> None:
        """What tasks of a replica that was paused had learnt, and others changed before it went on."""
        began = self._begin_of(end)
        if began is None:
            return
        told = 0
        for records in self._by_task.values():
            if records[0].replica == end.replica and told < PAIRS_MAX:
                before = [one for one in records if one.time_ns <= began.time_ns]
                after = [one for one in records if one.time_ns >= end.time_ns]
                told += self._pair(before, after)

    def _at_once(self, end: Fault) -> bool:
        """Whether a fault was over as soon as it had begun."""
        began = self._begin_of(end)
        return began is None or self._numbering.at_once(began.time_ns, end.time_ns)

    def _begin_of(self, end: Fault) -> Fault | None:
        key = (end.fault, end.id, end.replica)
        begins = [
            one
            for one in self._history.events
            if isinstance(one, Fault)
            and not one.ends
            and (one.fault, one.id, one.replica) == key
            and one.time_ns <= end.time_ns
        ]
        return begins[-1] if begins else None

    # -- requests -------------------------------------------------------------------------------------

    def findings(self, findings: Sequence[Finding]) -> None:
        """The requests of the first finding with what they did; those of others where there is room.

        One that names all of the first's is about the same deed, and what else it names followed from that.
        """
        if findings:
            about = findings[0].checker in _ABOUT_ANSWERS
            for op in self._varied(findings[0].operations):
                self.operation(op, headers=about)
                self._deeds(op)
                self._failed(op)
                self._in_vain(op)
        for finding in findings[1:FINDINGS_MAX]:
            if set(findings[0].operations) <= set(finding.operations):
                continue
            for op in self._varied(finding.operations):
                if op not in self._told:
                    self.operation(op, weight=Weight.ASIDE)
                    self._deeds(op)

    def _varied(self, told: Iterable[int]) -> Iterator[int]:
        """Of many requests that ask the same and are answered the same only the first and the last."""
        alike: dict[tuple[object, ...], list[int]] = {}
        for op in told:
            if op < len(self._operations) and op not in self._counted:
                alike.setdefault(likeness(self._operations[op]), []).append(op)
        for ops in alike.values():
            yield from ops if len(ops) <= ALIKE_MAX else (ops[0], ops[-1])
            self._counted.update(ops)
            if len(ops) > ALIKE_MAX:
                call = self._operations[ops[0]].call
                text = f"... and {len(ops) - 2} more requests like op {ops[0]}"
                self.page.add(call.time_ns, None, text, Weight.ANSWER, Order.ENDS)

    def _request_of(self, task: str) -> None:
        op = self._paths.get(task)
        if op is not None:
            self.operation(op)

    def operation(self, op: int, *, headers: bool = False, weight: Weight = Weight.REQUEST) -> None:
        """A request's begin and end."""
        if op >= len(self._operations):
            return
        self._told.add(op)
        operation = self._operations[op]
        call, end = operation.call, operation.end
        asked = asks(operation, self._words)
        self.page.add(call.time_ns, call.replica, asked, weight, Order.BEGINS)
        if end is not None:
            text = f"op {op} is answered {end.error if end.status is None else end.status}"
            if end.offset is not None:
                text += f", {self._words.offset} {end.offset}"
            if op in self._said:
                text += f"; the server said {quoted(self._said[op])}"
            if headers:
                text += answer_headers(self._words, operation)
            lighter = min(weight, Weight.ANSWER)
            self.page.add(end.time_ns, call.replica, text, lighter, Order.ENDS)

    def _deeds(self, op: int) -> None:
        """What a request changed on the storage, for others to see; what it removed, in one line."""
        records = self._by_doer.get(self._tasks.get(op, ""), [])
        changes = seen(records)
        for record in [one for one in changes if one.call not in _REMOVALS][-DEEDS_MAX:]:
            self._deed(record, Weight.DEED)
        self._removed([one for one in changes if one.call in _REMOVALS], Weight.DEED)

    def _deed(self, record: StepRecord, weight: Weight) -> None:
        self.page.add(record.time_ns, record.replica, did(record), weight)

    def _failed(self, op: int) -> None:
        """What a request that was answered with an error had looked at last, and who had changed it last."""
        end = self._operations[op].end
        if end is None or end.status is None or end.status < SERVER_ERROR:
            return
        if op in self._struck_ops:
            return  # the fault is the reason
        look, change = looked_last(self._steps, self._by_doer.get(self._tasks.get(op, ""), []))
        if look is not None and change is not None:
            self._step(change, "the last change of what it looked at")
            self._step(look, "the last thing it looked at")

    def _in_vain(self, op: int) -> None:
        """Why a request had no answer: a call that failed all the while, and nothing else in its replica."""
        call, end = self._operations[op].call, self._operations[op].end
        if end is None or end.status is not None:
            return
        row = in_vain(
            one
            for one in self._steps
            if one.replica == call.replica and call.time_ns <= one.time_ns <= end.time_ns
        )
        if len(row) >= TRIES_MIN and row[0].step not in self._waited:
            self._waited.add(row[0].step)
            told = f"{len(row)} times until step {row[-1].step}, and nothing else is done here"
            self._step(row[0], told)

    # -- sweepers -------------------------------------------------------------------------------------

    def swept(self) -> None:
        """What each pass of a sweeper took away or published: often the whole story of what is missing."""
        for task, records in self._by_task.items():
            if not task.endswith(SWEEPER):
                continue
            for one in passes(records):
                changes = seen(one)
                for record in changes:
                    if record.call in ("replace", "rename", "link") and not private(record):
                        self._deed(record, Weight.DEED)
                self._removed(
                    [record for record in changes if record.call in _REMOVALS], Weight.SWEPT
                )

    def _removed(self, removals: Sequence[StepRecord], weight: Weight) -> None:
        if not removals:
            return
        first, more = removals[0], len(removals) - SWEPT_TOLD
        if len(removals) == 1:
            text = did(first)
        else:
            names = ", ".join(record.path for record in removals[:SWEPT_TOLD])
            text = f"{first.doer} {first.call} {names}" + f" and {more} more" * (more > 0)
            places = dict.fromkeys(one.place for one in removals if one.place)
            text += f" ({', '.join(list(places)[:SWEPT_TOLD])})" * bool(places)
        self.page.add(first.time_ns, first.replica, text, weight)

    def _step(self, record: StepRecord, remark: str, weight: Weight = Weight.CAUSE) -> None:
        self.page.add(record.time_ns, record.replica, f"{did(record)}   <- {remark}", weight)
