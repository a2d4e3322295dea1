"""``conformance``: each answer to a probe is one that its protocol allows.

The rules, the cases and the sections they come from are the dialect's
(:class:`patchstorm.dialect.cases.suite.Suite`); this checker finds the cases in a history, puts every rule to
every answer, and tells what was broken. A must is a finding; a should, and an answer outside what the
specification leaves open, is a remark, unless the storm was strict about shoulds. A case that could not be
asked to its end makes the verdict unknown. Of a case that was begun anew only the last attempt counts, of a
request that was repeated the last answer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from patchstorm.case.case import Case
from patchstorm.check.model import Finding, Ruled
from patchstorm.check.rule import Note, Rule, Unsure
from patchstorm.check.story import finding
from patchstorm.dialect.cases.claims import shown
from patchstorm.dialect.cases.model import Case as Script
from patchstorm.dialect.cases.model import Seen, Step, Terms, View
from patchstorm.dialect.cases.suite import ALL, Ruling, Suite, held_by, reason_to_skip, stopped
from patchstorm.dialect.registry import suite_of
from patchstorm.history import events
from patchstorm.history.model import Completion, Operation
from patchstorm.history.no_answer import NoAnswer

NAME = "conformance"
_SILENT = frozenset({NoAnswer.CLOSED, NoAnswer.GARBLED, NoAnswer.RESET, NoAnswer.TIMEOUT})
_CASES_TOLD = 4
Asked = dict[int, Operation]
Contents = Mapping[tuple[str, int, str], events.Contents]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Put:
    """One rule put to one answer."""

    script: Script
    ruling: Ruling
    operation: Operation
    earlier: tuple[int, ...]

    @property
    def held(self) -> bool:
        return self.ruling.complaint is None

    @property
    def strict(self) -> bool:
        probe = self.operation.call.probe
        return probe is not None and probe.strict


def _find(case: Case) -> Iterator[Finding | Unsure | Note | Ruled]:
    suite = suite_of(case.history.header.dialect)
    if suite is None:
        dialect = case.history.header.dialect
        yield Unsure(f"the cases of {dialect} are unknown to this release, or nobody registered it")
        return
    asked = _asked(case)
    terms, contents = _terms(case, suite, asked), _contents(case)
    broken: dict[str, list[_Put]] = {}
    held: dict[str, _Put] = {}
    rest: list[Unsure | Note] = []
    for name, steps in asked.items():
        script = suite.cases.get(name)
        if script is None:
            rest.append(Unsure(f"the case {name} is unknown to this release"))
            continue
        for said in _judged(case, suite, script, steps, terms, contents):
            if not isinstance(said, _Put):
                rest.append(said)
            elif said.held:
                held.setdefault(said.ruling.rule.name, said)
            else:
                broken.setdefault(said.ruling.rule.name, []).append(said)
    count = len(held.keys() - broken.keys())
    yield Note(f"{NAME}: {len(asked)} cases asked, {count} rules held, {len(broken)} not")
    yield from _told(case, suite, broken)
    yield from _ruled(suite, held | {name: all_of_them[0] for name, all_of_them in broken.items()})
    yield from rest
    yield from _skips(suite, _chapters(case), terms)


def _chapters(case: Case) -> set[str]:
    """What was asked for."""
    probes = (operation.call.probe for operation in case.history.operations)
    return {probe.chapter for probe in probes if probe is not None}


def _asked(case: Case) -> dict[str, Asked]:
    """Each case's last attempt: the last answer to every step."""
    found: dict[str, tuple[int, Asked]] = {}
    for operation in case.history.operations:
        probe = operation.call.probe
        if probe is None:
            continue
        attempt, steps = found.get(probe.case, (-1, {}))
        if probe.attempt > attempt:
            steps = {}
        steps[probe.step] = operation
        found[probe.case] = (probe.attempt, steps)
    return {name: steps for name, (_, steps) in found.items()}


def _terms(case: Case, suite: Suite, asked: Mapping[str, Asked]) -> Terms:
    first = None if suite.first is None else asked.get(suite.first.name, {}).get(0)
    headers = first.end.headers if first is not None and first.end is not None else None
    lifetime = any(info.expires_ms is not None for info in case.history.header.uploads)
    return suite.terms_of(case.capabilities, headers, lifetime=lifetime)


def _contents(case: Case) -> Contents:
    """What stood in the files of the cases' resources, where the world could look."""
    return {
        (event.case, event.attempt, event.resource): event
        for event in case.history.events
        if isinstance(event, events.Contents)
    }


def _judged(
    case: Case,
    suite: Suite,
    script: Script,
    steps: Asked,
    terms: Terms,
    contents: Contents,
) -> Iterator[_Put | Unsure | Note]:
    """Every rule that was put, and why the rest was not judged."""
    before: tuple[Seen, ...] = ()
    earlier: tuple[int, ...] = ()
    for at, step in enumerate(script.steps):
        operation = steps.get(at)
        if operation is None or operation.end is None:
            yield Unsure(f"the case {script.name} was not asked to its end")
            return
        skipped = _passed_over(case, script, operation, operation.end)
        if skipped is not None:
            yield skipped
            return
        view = View(here=_seen(step, operation, operation.end), before=before, terms=terms)
        for ruling in suite.rulings(view):
            yield _Put(script=script, ruling=ruling, operation=operation, earlier=earlier)
        stop = stopped(view)
        if stop is not None:
            if view.here.error in _SILENT and not step.silence:
                ruling = suite.unanswered(view)
                yield _Put(script=script, ruling=ruling, operation=operation, earlier=earlier)
            if stop.unjudged and _demands(script, at):
                yield Unsure(f"the case {script.name} could not be asked: {stop.reason}")
            return
        before, earlier = (*before, view.here), (*earlier, operation.op)
    yield from _files(script, steps[len(script.steps) - 1], earlier[:-1], contents)


def _files(
    script: Script, last: Operation, earlier: tuple[int, ...], contents: Contents
) -> Iterator[_Put]:
    """What the files of a case that is through hold, where the world could look."""
    assert last.call.probe is not None
    for holds in script.holds:
        event = contents.get((script.name, last.call.probe.attempt, holds.resource))
        if event is None or not (event.present or holds.owed):
            continue
        ruling = held_by(holds, event.text if event.present else None)
        yield _Put(script=script, ruling=ruling, operation=last, earlier=earlier)


def _passed_over(case: Case, script: Script, operation: Operation, end: Completion) -> Note | None:
    """Why a case cannot be judged from this request on; None where it can."""
    if end.error is NoAnswer.NO_SOCKET:
        return Note(f"{NAME}: {script.name} was not asked: it needs a real connection")
    failed = end.status is None or end.status >= 500
    if failed and case.faults.explains(operation, end.time_ns):
        return Note(f"{NAME}: {script.name} was not judged to its end: a fault is in the way")
    return None


def _seen(step: Step, operation: Operation, end: Completion) -> Seen:
    probe = operation.call.probe
    assert probe is not None
    return Seen(
        step=step, sent=probe.headers, status=end.status, headers=end.headers, error=end.error
    )


def _demands(script: Script, at: int) -> bool:
    """Whether something that must be is asked from this step on."""
    rest = (expect.rule for step in script.steps[at:] for expect in step.expects)
    return any(rule.level == "must" for rule in rest)


def _told(case: Case, suite: Suite, broken: Mapping[str, list[_Put]]) -> Iterator[Finding | Note]:
    """One finding, or one remark, for each rule; it tells the first answer that breaks it."""
    for name, all_of_them in broken.items():
        one = all_of_them[0]
        rule, probe = one.ruling.rule, one.operation.call.probe
        assert probe is not None
        step = one.script.steps[probe.step]
        method = probe.method if step.acts is None else f"{probe.method} (as {step.acts})"
        summary = f"{name}: {one.script.says}: {method} {one.ruling.complaint}"
        others = list(dict.fromkeys(other.script.name for other in all_of_them[1:]))
        others = [other for other in others if other != one.script.name]
        if rule.level == "must" or (rule.level == "should" and one.strict):
            yield _finding(case, suite, one, summary, others)
        else:
            more = f"; also in {_few(others)}" if others else ""
            yield Note(f"{rule.level}: {summary} ({one.script.name}{more}; {rule.section})")


def _finding(case: Case, suite: Suite, one: _Put, summary: str, others: list[str]) -> Finding:
    rule, operation = one.ruling.rule, one.operation
    assert one.ruling.complaint is not None
    notes = [
        f"request: {_request(operation)}",
        f"answer: {_answer(suite, operation)}",
        f"{suite.source(rule.section)} ({rule.level}): {rule.says}",
    ]
    if others:
        notes.append(f"the same in the cases {_few(others)}")
    return finding(
        case,
        NAME,
        f"{summary} ({suite.source(rule.section)})",
        operations=one.earlier,
        causes={operation.op: one.ruling.complaint},
        notes=notes,
    )


def _ruled(suite: Suite, put: Mapping[str, _Put]) -> Iterator[Ruled]:
    """Every rule that was put, in the order of the suite."""
    places = {name: at for at, name in enumerate(suite.rules)}
    for name in sorted(put, key=lambda name: (places.get(name, len(places)), name)):
        one, rule = put[name], put[name].ruling.rule
        yield Ruled(
            rule=name,
            level=rule.level,
            section=suite.source(rule.section),
            says=rule.says,
            held=one.held,
            case=one.script.name,
            request=_request(one.operation),
            answer=_answer(suite, one.operation),
            complaint=one.ruling.complaint,
            strict=one.strict,
        )


def _request(operation: Operation) -> str:
    probe = operation.call.probe
    assert probe is not None
    to = probe.to.replace("?", "not ") or "the creation URL"
    fields = "; ".join(f"{name}: {shown(value)}" for name, value in probe.headers)
    body = "" if not probe.body else f"; body {shown(repr(probe.body))}"
    framing = " in the chunked coding" if probe.framing == "chunked" else ""
    return f"{probe.method} {to}; {fields}{body}{framing}"


def _answer(suite: Suite, operation: Operation) -> str:
    end = operation.end
    assert end is not None
    if end.status is None:
        return f"none ({end.error})"
    told = sorted((name, value) for name, value in end.headers.items() if suite.told(name))
    return "; ".join((str(end.status), *(f"{name}: {shown(value)}" for name, value in told)))


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:_CASES_TOLD])
    more = len(names) - _CASES_TOLD
    return f"{shown} and {more} more" if more > 0 else shown


def _skips(suite: Suite, chapters: set[str], terms: Terms) -> Iterator[Note]:
    """What was asked for and is not for this target, and why: one remark for each reason."""
    reasons: dict[str, list[str]] = {}
    for script in suite.cases.values():
        reason = reason_to_skip(script, terms)
        if reason is not None and not chapters.isdisjoint((ALL, script.chapter)):
            reasons.setdefault(reason, []).append(script.name)
    for reason, names in reasons.items():
        many = "case" if len(names) == 1 else "cases"
        yield Note(f"{NAME}: {len(names)} {many} skipped ({_few(names)}): {reason}")


def _applies(case: Case) -> str | None:
    if any(one.call.probe is not None for one in case.history.operations):
        return None
    return "no request of a conformance case was sent"


RULE = Rule(
    name=NAME,
    says="every answer is one that tus 1.0.0 and the announced extensions allow",
    find=_find,
    applies=_applies,
    findings_max=sys.maxsize,  # one finding for each rule of the suite at most
)
