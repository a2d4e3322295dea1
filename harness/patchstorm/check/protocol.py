"""``protocol``: status codes and headers are those of the protocol that was spoken.

The rules are the dialect's own (:class:`patchstorm.dialect.base.Rules`); each is told once in a history.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import Case
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule
from patchstorm.check.story import finding, verb
from patchstorm.dialect.base import HeaderComplaint
from patchstorm.dialect.registry import DIALECTS

NAME = "protocol"


def _find(case: Case) -> Iterator[Finding]:
    rules = DIALECTS[case.history.header.dialect].rules
    told: set[str] = set()
    for operation in case.operations:
        end = operation.end
        if end is None or end.status is None or operation.call.probe is not None:
            continue
        upload = case.uploads.get(operation.call.upload or "")
        for name, judge in rules.of_kind.get(operation.call.kind, rules.of_all):
            if name in told:
                continue
            complaint = judge(case, upload, operation, end)
            if complaint is not None:
                told.add(name)
                spoken = verb(case, operation.call.kind)
                yield finding(
                    case,
                    NAME,
                    f"{spoken} (op {operation.op}) {complaint}",
                    upload=upload,
                    causes={operation.op: complaint},
                    header=(
                        f"{spoken} {complaint}" if isinstance(complaint, HeaderComplaint) else None
                    ),
                )
    for upload in case.uploads.values():
        for broken in rules.of_upload(case, upload):
            kind = case.operation(broken.op).call.kind
            yield finding(
                case,
                NAME,
                f"{verb(case, kind)} (op {broken.op}) {broken.says}",
                upload=upload,
                spans=broken.spans,
                operations=broken.operations,
                causes={broken.op: broken.remark},
            )


def _applies(case: Case) -> str | None:
    if case.history.header.dialect not in DIALECTS:
        return f"the dialect {case.history.header.dialect} is not known here"
    for one in case.history.operations:
        if one.end is not None and one.end.status is not None and one.call.probe is None:
            return None
    return "no request was answered"


RULE = Rule(
    name=NAME,
    says="status codes and headers are those of the protocol, tus 1.0.0 and what is announced of it",
    find=_find,
    applies=_applies,
)
