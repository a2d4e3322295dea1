"""tus 1.0.0 request by request: what a server is asked, and what its answers may be.

``CASES`` are the requests, ``RULES`` the demands with the section each comes from. Pure data: the
workload ``conformance`` sends the cases and the checker ``conformance`` judges the answers.
"""

from patchstorm.dialect.tus.conformance.model import Case, Rule, Seen, Step, Terms, View
from patchstorm.dialect.tus.conformance.suite import (
    CASES,
    FIRST,
    RULES,
    Ruling,
    Stop,
    announced_max,
    chapter,
    content,
    held_by,
    reason_to_skip,
    rulings,
    stopped,
    terms_of,
    unanswered,
)

__all__ = [
    "CASES",
    "FIRST",
    "RULES",
    "Case",
    "Rule",
    "Ruling",
    "Seen",
    "Step",
    "Stop",
    "Terms",
    "View",
    "announced_max",
    "chapter",
    "content",
    "held_by",
    "reason_to_skip",
    "rulings",
    "stopped",
    "terms_of",
    "unanswered",
]
