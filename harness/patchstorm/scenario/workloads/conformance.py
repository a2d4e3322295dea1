"""conformance: a protocol request by request, each case with resources of its own.

The cases are those of the suite that the target's dialect brings. Its first asks what the server announces;
that, and what the target's description claims, decides which others apply. They are sent in a few lanes,
each case in order, and last the plan's own upload goes through as a plain client sends it. With ``across``
every request of a case goes to the next replica, since their state is shared, but for those that ask for
another's name where hosts may see that late; without it a case stays with one. A case that got no answer
where one was owed is begun anew, with new resources: a reset is no answer, and what was applied is not
known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec

from patchstorm.dialect.cases.model import Case, Seen, Step, Terms, View
from patchstorm.dialect.cases.suite import ALL, Suite, content, reason_to_skip, stopped
from patchstorm.dialect.operations import Mischief, Probe, Request
from patchstorm.dialect.registry import DIALECTS, suite_of
from patchstorm.history.no_answer import NoAnswer
from patchstorm.scenario.actions import Answer, Mint, Send, Sleep, Together, Workload
from patchstorm.scenario.options import count, flag, words
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import Move, advance, head, lanes
from patchstorm.scenario.workloads.creating import create

ATTEMPTS = 3
BUSY = frozenset({423, 503})
BUSY_TRIES = 6
BUSY_MS = 100
ASK_AGAIN_MS = 50


def chapters() -> tuple[str, ...]:
    """What may be asked for, in any dialect that is there."""
    names = [name for one in DIALECTS.values() if one.suite for name in one.suite.chapters]
    return (ALL, *dict.fromkeys(names))


class Options(msgspec.Struct, frozen=True):
    chapter: Annotated[str, words("which cases are asked", chapters)] = ALL
    across: Annotated[bool, flag("every request of a case goes to the next replica")] = False
    strict: Annotated[bool, flag("a should that is not kept is a violation, too")] = False
    at_once: Annotated[int, count(1, 64, "how many cases are under way at once")] = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """One attempt at one case."""

    ctx: Context
    case: Case
    attempt: int
    suite: Suite
    terms: Terms
    options: Options
    replica: int


def conformance(ctx: Context, options: Options) -> Workload:
    suite = suite_of(ctx.dialect)
    assert suite is not None, "a storm whose target brings no cases is skipped"
    lifetime = any(upload.info.expires_ms is not None for upload in ctx.uploads)
    terms = suite.terms_of(ctx.capabilities, None, lifetime=lifetime)
    if suite.first is not None:
        seen = yield from _ask(ctx, suite, suite.first, terms, options)
        headers = seen[0].headers if seen else {}
        terms = suite.terms_of(ctx.capabilities, headers, lifetime=lifetime)
    cases = [
        case
        for case in suite.chapter(options.chapter)
        if case is not suite.first and reason_to_skip(case, terms) is None
    ]
    parts = [
        _lane(ctx.part(i), suite, lane, terms, options)
        for i, lane in enumerate(lanes(cases, options.at_once))
    ]
    yield Together(workloads=tuple(parts))
    for upload in ctx.uploads:
        if "creation-off" in ctx.capabilities:
            yield Mint(upload=upload.id)
            created = True
        else:
            created = yield from create(ctx, upload)
        if created:
            yield from advance(ctx, upload)
            yield from head(ctx, upload)


def _lane(
    ctx: Context, suite: Suite, cases: Sequence[Case], terms: Terms, options: Options
) -> Workload:
    for case in cases:
        yield from _ask(ctx, suite, case, terms, options)


def _ask(
    ctx: Context, suite: Suite, case: Case, terms: Terms, options: Options
) -> Move[list[Seen]]:
    """One case, begun anew while it gets no answers; what was seen of the last attempt."""
    seen: list[Seen] = []
    for attempt in range(ATTEMPTS):
        asking = _Asking(
            ctx=ctx, case=case, attempt=attempt, suite=suite, terms=terms, options=options,
            replica=ctx.replica(),
        )  # fmt: skip
        seen = yield from _attempt(asking)
        if seen[-1].status is not None or seen[-1].step.silence or seen[-1].error in _FOR_GOOD:
            break
    return seen


_FOR_GOOD = (NoAnswer.NO_URL, NoAnswer.NO_SOCKET)


def _attempt(asking: _Asking) -> Move[list[Seen]]:
    seen: list[Seen] = []
    hops = 0
    for at, step in enumerate(asking.case.steps):
        if step.wait_ms:
            yield Sleep(ms=step.wait_ms)
        stays = step.stays or (step.by_name and asking.ctx.names_lag)
        hops += asking.options.across and at > 0 and not stays
        view = yield from _until_content(asking, at, step, hops, tuple(seen))
        seen.append(view.here)
        if stopped(view) is not None:
            break
    return seen


def _until_content(
    asking: _Asking, at: int, step: Step, hops: int, before: tuple[Seen, ...]
) -> Move[View]:
    """One step; asked again while the server is busy, or where it may take a while to come true."""
    ctx = asking.ctx
    again = step.patience_ms // ASK_AGAIN_MS
    busy = BUSY_TRIES
    if step.past_max is not None:
        body = b"m" * (asking.suite.announced_max(before) + step.past_max)
        step = replace(step, body=body, past_max=None)
    while True:
        request = Request(
            kind="probe",
            upload="",
            length=len(step.body or b""),
            replica=ctx.other(asking.replica, hops),
            probe=Probe(
                case=asking.case.name,
                step=at,
                attempt=asking.attempt,
                what=step,
                strict=asking.options.strict,
                chapter=asking.options.chapter,
                max_size=asking.suite.announced_max(before),
            ),
        )
        mischief = Mischief(cut_after=step.cut, chunked=step.framing == "chunked")
        answer: Answer = yield Send(request=request, mischief=mischief)
        end = answer.end
        here = Seen(
            step=step,
            sent=answer.sent,
            status=end.status,
            headers=end.headers,
            error=end.error,
        )
        view = View(here=here, before=before, terms=asking.terms)
        if here.status is None or content(view):
            return view
        if here.status in BUSY and busy:
            busy -= 1
            yield Sleep(ms=BUSY_MS)
        elif again:
            again -= 1
            yield Sleep(ms=ASK_AGAIN_MS)
        else:
            return view


def unasked(plan: Plan, dialect: str) -> str | None:
    """Why the cases that a plan asks for are not to be had in the target's dialect; None if they are."""
    asking = [client for client in plan.clients if client.kind == KIND.name]
    if not asking:
        return None
    suite = suite_of(dialect)
    if suite is None:
        return f"the target speaks {dialect}, which brings no conformance cases"
    known = (ALL, *suite.chapters)
    for client in asking:
        chapter = client.options.get("chapter", ALL)
        if chapter not in known:
            return (
                f"the target speaks {dialect}, whose conformance cases have no chapter `{chapter}`; "
                f"there are {', '.join(known)}"
            )
    return None


KIND = WorkloadKind(
    name="conformance",
    says="tus 1.0.0 request by request: every answer is held to the specification",
    run=conformance,
    options=Options,
    creates=True,
)
