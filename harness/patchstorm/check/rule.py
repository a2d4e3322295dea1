"""How a checker is written: a name, what it says, when it applies, and a function of the case."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from patchstorm.case.case import Case
from patchstorm.case.layout import lay_out
from patchstorm.check.model import Checker, Finding, Judgement, Ruled
from patchstorm.history.model import History

FINDINGS_MAX = 20  # of one checker in one history; the first say what the rest would


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A checker over a laid-out case, so that one layout serves them all.

    ``find`` yields findings; it may also return early with the reason why it cannot say, as a
    :class:`Unsure`, make remarks, as :class:`Note`, and say what became of a rule of the protocol.
    ``applies`` returns a reason to skip, or None.
    """

    name: str
    says: str
    find: Callable[[Case], Iterable[Finding | Unsure | Note | Ruled]]
    applies: Callable[[Case], str | None] = lambda case: None
    findings_max: int = FINDINGS_MAX

    def judge(self, case: Case) -> Judgement:
        """Skip, or find."""
        reason = self.applies(case)
        if reason is not None:
            return Judgement(checker=self.name, skipped=reason)
        findings: list[Finding] = []
        notes: list[str] = []
        rules: list[Ruled] = []
        unsure: str | None = None
        for said in self.find(case):
            if isinstance(said, Unsure):
                unsure = unsure or said.reason
            elif isinstance(said, Note):
                notes.append(said.text)
            elif isinstance(said, Ruled):
                rules.append(said)
            else:
                findings.append(said)
            if len(findings) >= self.findings_max:
                break
        return Judgement(
            checker=self.name,
            findings=tuple(findings),
            unknown=unsure,
            notes=tuple(notes),
            rules=tuple(rules),
        )

    def checker(self) -> Checker:
        """The same rule for one history by itself."""

        def judge(history: History) -> Judgement:
            return self.judge(lay_out(history))

        def applies(history: History) -> str | None:
            return self.applies(lay_out(history))

        return Checker(name=self.name, says=self.says, judge=judge, applies=applies)


@dataclass(frozen=True, slots=True)
class Unsure:
    """Why a checker cannot say: its verdict is unknown unless it finds a violation elsewhere."""

    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """A remark that changes no verdict."""

    text: str


def survives_power(case: Case) -> str | None:
    """What acknowledged bytes are worth after a power loss is judged where the target claims it."""
    if case.faults.power and not case.can("survives-power-loss"):
        return "power was lost and the target does not declare survives-power-loss"
    return None


def liveness(case: Case) -> str | None:
    """Clients that do not behave are owed nothing, so what they get in the end is not judged."""
    if case.history.header.policy == "hostile":
        return "policy hostile: liveness is not judged"
    return None


def needs(*capabilities: str) -> Callable[[Case], str | None]:
    """A rule that applies where all of these are declared."""

    def applies(case: Case) -> str | None:
        missing = [name for name in capabilities if not case.can(name)]
        return f"the target does not declare {', '.join(missing)}" if missing else None

    return applies


def either(*rules: Callable[[Case], str | None]) -> Callable[[Case], str | None]:
    """Skip for the first of several reasons."""

    def applies(case: Case) -> str | None:
        return next((reason for rule in rules if (reason := rule(case)) is not None), None)

    return applies
