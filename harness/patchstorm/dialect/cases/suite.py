"""The conformance cases of one dialect: which of them apply to a target, and how one answer is judged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from patchstorm.dialect.cases.claims import shown
from patchstorm.dialect.cases.model import Case, Expect, Holds, Rule, Seen, Terms, View

ALL = "all"
"""In the place of a chapter's name: the cases of every chapter."""


class TermsOf(Protocol):
    """What is known of a target with these capabilities."""

    def __call__(
        self, capabilities: Collection[str], answer: Mapping[str, str] | None, *, lifetime: bool
    ) -> Terms:
        """``answer`` are the headers of the answer to the first case; ``lifetime``: its uploads expire."""
        ...


def declared(
    capabilities: Collection[str], answer: Mapping[str, str] | None, *, lifetime: bool
) -> Terms:
    """The terms of a dialect in which servers announce nothing."""
    return Terms(
        claimed=frozenset(capabilities),
        sequential="offset-addressed" not in capabilities,
        lifetime=lifetime,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """One rule put to one answer; ``complaint`` None: it held."""

    rule: Rule
    complaint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The cases and rules of a dialect, by name, and the chapters in the order in which they are listed.

    ``first`` is the case to begin with, whose answer decides which others apply; None where a server
    announces nothing. ``always`` is what every answer is held to besides what its step expects, ``answered``
    the rule that there is one. ``announced_max`` is the largest size that answers announced, 0 for none.
    ``source`` names in a finding what a rule's section is a section of; ``told`` says whether a finding
    quotes an answer's header, whose name is in lower case.
    """

    cases: Mapping[str, Case]
    rules: Mapping[str, Rule]
    chapters: tuple[str, ...]
    answered: Rule
    first: Case | None = None
    always: tuple[Expect, ...] = ()
    terms_of: TermsOf = declared
    announced_max: Callable[[Sequence[Seen]], int] = lambda before: 0
    source: Callable[[str], str] = lambda section: section
    told: Callable[[str], bool] = lambda name: True

    def __post_init__(self) -> None:
        """Raises ValueError for a case of a chapter that nobody could ask for."""
        for case in self.cases.values():
            if case.chapter not in self.chapters:
                raise ValueError(f"case {case.name}: there is no chapter `{case.chapter}`")

    def chapter(self, name: str) -> Sequence[Case]:
        """The cases of a chapter, in order; of all for ``ALL``."""
        return [case for case in self.cases.values() if name in (ALL, case.chapter)]

    def rulings(self, view: View) -> Iterator[Ruling]:
        """Every rule that speaks of this answer, the step's own first. None for an answer that never came."""
        if view.here.status is None:
            return
        for expect in (*view.here.step.expects, *self.always):
            if expect.when is None or expect.when(view):
                yield Ruling(rule=expect.rule, complaint=expect.claim(view))

    def unanswered(self, view: View) -> Ruling:
        """What is to be said of a request that was owed an answer and got none."""
        complaint = f"got no answer ({view.here.error or 'unknown'})"
        return Ruling(rule=self.answered, complaint=complaint)


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


def held_by(holds: Holds, text: str | None) -> Ruling:
    """What is to be said of a file that begins like this, as Latin-1 text; None: there is no file."""
    wanted = holds.data.decode("latin-1")
    complaint = None
    if text is None:
        complaint = "is the last of the case, and there is no file of that name"
    elif text != wanted:
        complaint = f"is the last of the case, and the file holds {shown(text)!r}, not {wanted!r}"
    return Ruling(rule=holds.rule, complaint=complaint)


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
