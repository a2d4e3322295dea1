"""What a history means: one module for each checker, and nothing that knows a world.

``judge`` runs them all, ``verdict`` sums them up; ``docs/checks.md`` says what each of them holds.
May import ``case``, ``dialect``, ``history``. Internal: may change at any release.
"""

from patchstorm.check.linearizable import Budget
from patchstorm.check.model import Checker, Finding, Judgement, Range
from patchstorm.check.registry import CHECKERS, judge, unknowns, verdict
from patchstorm.check.verdict import Verdict

__all__ = [
    "CHECKERS",
    "Budget",
    "Checker",
    "Finding",
    "Judgement",
    "Range",
    "Verdict",
    "judge",
    "unknowns",
    "verdict",
]
