"""Which findings put what was stored in question, and which a search goes on after.

A header that every answer lacks, or a file that the target's description forgot to name, is found by every
schedule. It is told, and it is a violation; but a search that ended there would never come to the bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from patchstorm.check.model import Finding
from patchstorm.check.residue import NAME as RESIDUE


def minor(finding: Finding) -> bool:
    """Whether it is about a header alone, or may be settled by a line in the target's file."""
    return finding.header is not None or finding.remedy is not None


def minor_alone(findings: Sequence[Finding]) -> bool:
    """Whether something was found, and nothing that weighs."""
    return bool(findings) and all(map(minor, findings))


def harmless(findings: Sequence[Finding]) -> bool:
    """Whether something was found, and by all of it no byte is lost, wrong or out of reach: what is not minor
    is about files that are left behind."""
    return bool(findings) and all(minor(one) or one.checker == RESIDUE for one in findings)


def weighty(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those that are not minor; all, where all are."""
    return tuple(one for one in findings if not minor(one)) or tuple(findings)


def as_grave(then: Sequence[Finding], now: Sequence[Finding]) -> bool:
    """Whether something was found ``now`` that weighs, where something did ``then``."""
    return bool(now) and (minor_alone(then) or not minor_alone(now))


def same_cause(then: Sequence[Finding], now: Sequence[Finding]) -> bool:
    """Whether a checker that had found something of weight finds something of weight again."""
    if not minor_alone(then):
        now = tuple(one for one in now if not minor(one))
    return not {one.checker for one in weighty(then)}.isdisjoint(one.checker for one in now)
