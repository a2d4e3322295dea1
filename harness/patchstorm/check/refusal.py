"""``refusal``: a request that is whole and well-formed is refused only for a reason the history shows.

A refusal costs nobody a byte, so the other checkers pass over it; but a target that refuses everything is no
store. For each refusal this asks the dialect what of the history can explain it. A request that the client
itself cut is owed nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import Case
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule, either, survives_power
from patchstorm.check.story import finding, verb
from patchstorm.dialect.registry import DIALECTS

NAME = "refusal"
_JUDGED = frozenset({"discover", "create", "query", "append", "status", "terminate"})


def _find(case: Case) -> Iterator[Finding]:
    excuses = DIALECTS[case.history.header.dialect].excuses
    told: set[tuple[str, int]] = set()
    for operation in case.operations:
        end = operation.end
        if end is None or end.status is None or not 400 <= end.status < 500:
            continue
        kind = operation.call.kind
        if kind not in _JUDGED:
            continue  # what is asked wrongly on purpose
        if (kind, end.status) in told or excuses(case, operation, end, end.status):
            continue
        told.add((kind, end.status))
        yield finding(
            case,
            NAME,
            f"{verb(case, kind)} (op {operation.op}) was refused with {end.status} and nothing explains it",
            upload=case.uploads.get(operation.call.upload or ""),
            causes={operation.op: f"whole and well-formed, refused with {end.status}"},
        )


def _applies(case: Case) -> str | None:
    if case.history.header.dialect not in DIALECTS:
        return f"the dialect {case.history.header.dialect} is not known here"
    if case.history.header.policy == "hostile":
        return "policy hostile: what a target without its guarantees refuses is not judged"
    return None


RULE = Rule(
    name=NAME,
    says="a request that is whole and well-formed is refused only for a reason the history shows",
    find=_find,
    applies=either(_applies, survives_power),
)
