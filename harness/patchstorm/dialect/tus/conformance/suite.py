"""All rules and all cases, which of them apply to a target, and how one answer is judged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from patchstorm.dialect.tus.conformance import (
    always,
    checksum,
    concatenation,
    contract,
    core,
    creation,
    defer_length,
    expiration,
    http,
    lengths,
    minted,
    negotiation,
    termination,
    with_upload,
)
from patchstorm.dialect.tus.conformance.claims import TOKEN, listed, shown
from patchstorm.dialect.tus.conformance.model import Case, Holds, Rule, Seen, Terms, View

_MODULES = (
    negotiation, core, creation, defer_length, with_upload, expiration, checksum, termination,
    concatenation, http, contract, lengths, minted,
)  # fmt: skip

RULES: dict[str, Rule] = {
    rule.name: rule
    for module in (always, *_MODULES)
    for rule in module.RULES
}  # fmt: skip
CASES: dict[str, Case] = {case.name: case for module in _MODULES for case in module.CASES}
FIRST = negotiation.OPTIONS_CASE
"""The case to begin with: what OPTIONS announces decides which others apply."""

EXTENSIONS: Mapping[str, str] = {
    "creation": "creation",
    "creation-with-upload": "creation-with-upload",
    "defer-length": "creation-defer-length",
    "expiration": "expiration",
    "termination": "termination",
    "concatenation": "concatenation",
}
"""A target's capability and the extension of tus that it stands for."""
_CHECKSUM = "checksum-"


def terms_of(
    capabilities: Collection[str], options: Mapping[str, str] | None, *, lifetime: bool
) -> Terms:
    """What is known of a target: its description's capabilities, and the headers of its OPTIONS."""
    claimed = {EXTENSIONS[word] for word in capabilities if word in EXTENSIONS}
    claimed |= {f"own:{word}" for word in capabilities if word in contract.OWN}
    sums = {word.removeprefix(_CHECKSUM) for word in capabilities if word.startswith(_CHECKSUM)}
    if sums:
        claimed |= {"checksum", *(f"checksum:{name}" for name in sums)}
    return Terms(
        announced=frozenset(_announced(options or {})),
        claimed=frozenset(claimed),
        sequential="offset-addressed" not in capabilities,
        lifetime=lifetime,
    )


def _announced(options: Mapping[str, str]) -> Iterator[str]:
    for name in listed(options.get("tus-extension", "")):
        if TOKEN.fullmatch(name):
            yield name
            if name == "checksum":
                sums = listed(options.get("tus-checksum-algorithm", ""))
                yield from (f"checksum:{sum_}" for sum_ in sums if sum_)
    limit = options.get("tus-max-size", "")
    if limit.isascii() and limit.isdigit():
        yield "max-size"


def reason_to_skip(case: Case, terms: Terms) -> str | None:
    """Why a case is not for this target; None if it is."""
    missing = [name for name in case.needs if not terms.offers(name)]
    if missing:
        return f"{', '.join(missing)}: neither announced nor claimed"
    for name in case.lacks:
        if terms.offers(name):
            return f"{name} is offered"
    if case.reading == "sequential" and not terms.sequential:
        return "the target addresses offsets, and any offset inside the upload is current"
    if case.lifetime and not terms.lifetime:
        return "no lifetime was asked for; see the storm conformance-expiring"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """One rule put to one answer; ``complaint`` None: it held."""

    rule: Rule
    complaint: str | None


def rulings(view: View) -> Iterator[Ruling]:
    """Every rule that speaks of this answer, the step's own first. None for an answer that never came."""
    if view.here.status is None:
        return
    for expect in (*view.here.step.expects, *always.ALWAYS, *contract.ALWAYS):
        if expect.when is None or expect.when(view):
            yield Ruling(rule=expect.rule, complaint=expect.claim(view))


def held_by(holds: Holds, text: str) -> Ruling:
    """What is to be said of a file that begins like this, as Latin-1 text."""
    wanted = holds.data.decode("latin-1")
    complaint = None
    if text != wanted:
        complaint = f"is the last of the case, and the file holds {shown(text)!r}, not {wanted!r}"
    return Ruling(rule=holds.rule, complaint=complaint)


def unanswered(view: View) -> Ruling:
    """What is to be said of a request that was owed an answer and got none."""
    complaint = f"got no answer ({view.here.error or 'unknown'})"
    return Ruling(rule=always.ANSWERED, complaint=complaint)


def content(view: View) -> bool:
    """Whether an answer is all that its step expects: nobody needs to ask again."""
    if view.here.status is None:
        return view.here.step.silence
    if not view.here.step.expects:
        return view.here.ok
    return all(expect.complaint(view) is None for expect in view.here.step.expects)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why a case ends at an answer. ``unjudged``: what it is for could not be asked."""

    reason: str
    unjudged: bool = False


def stopped(view: View) -> Stop | None:
    """Whether a case has to end here: what follows builds on what did not happen."""
    here, step = view.here, view.here.step
    if here.status is None:
        if step.silence:
            return None if step.creates is None else Stop(reason="nothing was created")
        return Stop(
            reason=f"{step.acts_as} got no answer ({here.error or 'unknown'})", unjudged=True
        )
    if not step.expects and not here.ok:
        reason = f"{step.acts_as}, which only prepares, was answered {here.status}"
        return Stop(reason=reason, unjudged=True)
    if step.creates is not None and not here.ok:
        return Stop(reason="nothing was created")
    for expect in step.expects:
        if (expect.stops or expect.rule.level == "must") and expect.complaint(view) is not None:
            return Stop(reason=f"{step.acts_as} broke {expect.rule.name}")
    return None


def announced_max(before: Sequence[Seen]) -> int:
    """What OPTIONS announced in this case."""
    for one in before:
        limit = one.headers.get("tus-max-size", "")
        if limit.isascii() and limit.isdigit():
            return int(limit)
    return 0


def chapter(name: str) -> Sequence[Case]:
    """The cases of a chapter, in order; of all for "all"."""
    return [case for case in CASES.values() if name in ("all", case.chapter)]
