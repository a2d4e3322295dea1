"""What a checker is: a pure function from a history to findings.

A checker never learns which world made the history. It applies where the capabilities it needs are
declared (``requires``), and says so when it does not apply; what does not apply is skipped with the
reason, never counted as passed. A checker that spends its bound says unknown, never safe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from patchstorm.check.verdict import Verdict, stated
from patchstorm.history.model import History


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes ``offset`` to ``offset + length`` of an upload."""

    offset: int
    length: int


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the target's file with which a finding would be none: patterns under one of its keys."""

    key: str
    patterns: tuple[str, ...]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A violation: which checker, which bytes, which operations, and the story in a few lines.

    ``summary`` is one sentence; ``story`` is at most a screen, the causal lines first to last. ``remedy``
    is what the target's file may have left out, where that would be enough. ``header``: the complaint,
    where it is one about a header of answers and nothing else.
    """

    checker: str
    summary: str
    upload: str | None = None
    ranges: tuple[Range, ...] = ()
    operations: tuple[int, ...] = ()
    story: tuple[str, ...] = ()
    remedy: Remedy | None = None
    header: str | None = None


class Ruled(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of a protocol that was put to answers: whether it ``held``, and the exchange that shows it.

    ``level`` is ``must``, ``should`` or ``open``, ``section`` where the rule ``says`` so. The ``request`` and
    ``answer`` are the first of ``case`` that broke it, with the ``complaint``, or the first that it held for.
    ``strict``: the storm took what should be for what must be.
    """

    rule: str
    level: str
    section: str
    says: str
    held: bool
    case: str
    request: str
    answer: str
    complaint: str | None = None
    strict: bool = False

    @property
    def violated(self) -> bool:
        """Whether it is more than a remark that the rule did not hold."""
        return not self.held and (self.level == "must" or (self.strict and self.level == "should"))


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What one checker says: findings, or why it could not say (``unknown``), or why it was skipped.

    ``notes`` are remarks that change no verdict, ``rules`` the rules of the protocol that were put.
    """

    checker: str
    findings: tuple[Finding, ...] = ()
    unknown: str | None = None
    skipped: str | None = None
    notes: tuple[str, ...] = ()
    rules: tuple[Ruled, ...] = ()

    @property
    def verdict(self) -> Verdict | None:
        """None for a skipped checker: it has no verdict."""
        if self.skipped is not None:
            return None
        return stated(self.findings, self.unknown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """A registered checker. ``judge`` is pure; ``applies`` returns a reason to skip, or None."""

    name: str
    says: str  # one line for `patchstorm list checks`
    judge: Callable[[History], Judgement]
    applies: Callable[[History], str | None]
    cheap: bool = True
