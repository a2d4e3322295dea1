"""All checkers, in the order in which they run, and the whole judgement of a history."""

from __future__ import annotations

from collections.abc import Iterable

from patchstorm.check import bytes as bytes_
from patchstorm.check import completion, conflict, durability, offsets, publication
from patchstorm.check.case import lay_out
from patchstorm.check.model import Checker, Judgement, Verdict
from patchstorm.check.rule import Rule
from patchstorm.history.model import History

_CHEAP: tuple[Rule, ...] = (
    bytes_.RULE,
    durability.RULE,
    offsets.RULE,
    conflict.RULE,
    publication.RULE,
    completion.RULE,
)

CHECKERS: tuple[Checker, ...] = tuple(rule.checker() for rule in _CHEAP)


def judge(history: History) -> tuple[Judgement, ...]:
    """What every checker says, cheap ones first."""
    case = lay_out(history)
    return tuple(rule.judge(case) for rule in _CHEAP)


def verdict(judgements: Iterable[Judgement]) -> Verdict:
    """Violated beats unknown beats safe; where nothing applied, the whole is unknown."""
    verdicts = [one.verdict for one in judgements if one.verdict is not None]
    if "violated" in verdicts:
        return "violated"
    if not verdicts or "unknown" in verdicts:
        return "unknown"
    return "safe"
