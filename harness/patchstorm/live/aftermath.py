"""What clients know when a storm is cut off by a loss of power that takes the whole site with it.

The storm ends there; what follows is what follows every storm: everything is healed, the closing workload
runs, and the storage is looked at. For that the clients need what they had learnt: the URLs, what was
acknowledged, what they had ended themselves. All of it stands in the history so far.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from patchstorm.dialect.exchange import Reply
from patchstorm.dialect.registry import dialect_of
from patchstorm.history.events import Fault
from patchstorm.history.model import Completion, Header, Invocation, Record
from patchstorm.run.knowledge import Knowledge
from patchstorm.target.model import Target


class Lasting(msgspec.Struct, frozen=True):
    """A fault that had begun and not ended."""

    id: str
    kind: str
    replica: int | None


class Aftermath(msgspec.Struct, frozen=True, kw_only=True):
    """The clients' knowledge. ``acknowledged`` are ranges (offset, length) by upload."""

    first_op: int
    urls: dict[str, str]
    acknowledged: dict[str, tuple[tuple[int, int], ...]]
    ended: tuple[str, ...]
    lasting: tuple[Lasting, ...]


def aftermath(records: Iterable[Record], target: Target) -> Aftermath:
    """What ``records``, the header first, leave to go on from."""
    calls: dict[int, Invocation] = {}
    known = Knowledge({})
    under_way: dict[int, Invocation] = {}
    lasting: dict[tuple[str, str, int | None], Lasting] = {}
    for record in records:
        if isinstance(record, Header):
            known = Knowledge({upload.id: upload.size for upload in record.uploads})
        elif isinstance(record, Invocation):
            calls[record.op] = under_way[record.op] = record
        elif isinstance(record, Completion):
            _learn(known, under_way.pop(record.op), record, target)
        elif isinstance(record, Fault) and record.id is not None:
            fault = Lasting(record.id, record.fault, record.replica)
            key = (fault.id, fault.kind, fault.replica)
            if record.ends:
                lasting.pop(key, None)
            else:
                lasting[key] = fault
    ended = known.ended | {
        call.upload for call in under_way.values() if call.kind == "terminate" and call.upload
    }
    return Aftermath(
        first_op=len(calls),
        urls=known.urls,
        acknowledged={
            upload: tuple((start, end - start) for start, end in ranges)
            for upload, ranges in known.acknowledged.items()
            if ranges
        },
        ended=tuple(sorted(ended)),
        lasting=tuple(lasting.values()),
    )


def _learn(known: Knowledge, call: Invocation, end: Completion, target: Target) -> None:
    if call.upload is None:
        return
    if call.kind == "create" and end.status is not None:
        url = dialect_of(target.dialect).codec.created_url(
            target.wire, Reply(status=end.status, headers=end.headers, body=b"")
        )
        if url is not None:
            known.urls.setdefault(call.upload, url)
    body = None
    if call.offset is not None and call.length is not None:
        body = (call.offset, call.offset + call.length)
    known.completed(call.kind, call.upload, body, end)
