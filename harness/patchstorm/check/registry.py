"""All checkers, in the order in which they run, and the whole judgement of a history."""

from __future__ import annotations

from collections.abc import Iterable

from patchstorm.case.layout import lay_out
from patchstorm.check import (
    availability,
    checksum,
    completion,
    conflict,
    conformance,
    declared,
    durability,
    hooks,
    joined,
    leaks,
    linearizable,
    offsets,
    protocol,
    publication,
    records,
    refusal,
    replay,
    residue,
    starvation,
    status,
    waiting,
)
from patchstorm.check import bytes as bytes_
from patchstorm.check.linearizable import Budget
from patchstorm.check.model import Checker, Judgement
from patchstorm.check.rule import Rule
from patchstorm.check.verdict import Verdict, folded
from patchstorm.history.model import History

RULES: tuple[Rule, ...] = (
    bytes_.RULE,
    durability.RULE,
    offsets.RULE,
    conflict.RULE,
    replay.RULE,
    checksum.RULE,
    publication.RULE,
    completion.RULE,
    status.RULE,
    residue.RULE,
    protocol.RULE,
    refusal.RULE,
    conformance.RULE,
    availability.RULE,
    waiting.RULE,
    starvation.RULE,
    hooks.RULE,
    records.RULE,
    leaks.RULE,
    joined.RULE,
    declared.RULE,
)

CHECKERS: tuple[Checker, ...] = (*(rule.checker() for rule in RULES), linearizable.checker())


def judge(history: History, budget: Budget | None = None) -> tuple[Judgement, ...]:
    """What every checker says: the cheap ones, then the search for a legal order.

    ``budget`` bounds that search; a search that spends it says unknown. The result is a function of
    the history and the budget alone.
    """
    case = lay_out(history)
    cheap = tuple(rule.judge(case) for rule in RULES)
    return (*cheap, linearizable.judge(case, budget or Budget()))


def verdict(judgements: Iterable[Judgement]) -> Verdict:
    """What all of them come to together."""
    return folded(one.verdict for one in judgements)


def unknowns(judgements: Iterable[Judgement]) -> str | None:
    """Why some of them could not tell; None where all could."""
    return "; ".join(f"{one.checker}: {one.unknown}" for one in judgements if one.unknown) or None
