"""What clients know when a storm is cut off by a loss of power that takes the whole site with it.

The storm ends there; what follows is what follows every storm: everything is healed, the closing workload
runs, and the storage is looked at. For that the clients need what they had learnt: the URLs, what was
acknowledged, what they had ended themselves. All of it stands in the history so far.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from patchstorm.history.model import Completion, Event, Invocation, Record
from patchstorm.target.model import Wire
from patchstorm.target.wire import Reply, created_url


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


def aftermath(records: Iterable[Record], wire: Wire) -> Aftermath:
    """What ``records`` leave to go on from."""
    calls: dict[int, Invocation] = {}
    urls: dict[str, str] = {}
    acknowledged: dict[str, list[tuple[int, int]]] = {}
    ended: set[str] = set()
    lasting: dict[tuple[str, str, int | None], Lasting] = {}
    for record in records:
        if isinstance(record, Invocation):
            calls[record.op] = record
            if record.kind == "terminate" and record.upload is not None:
                ended.add(record.upload)
        elif isinstance(record, Completion):
            call = calls[record.op]
            if call.upload is None:
                continue
            url = _url(call, record, wire)
            if url is not None:
                urls.setdefault(call.upload, url)
            if call.kind == "terminate" and record.outcome == "fail":
                ended.discard(call.upload)
            if record.outcome == "ok" and call.offset is not None and call.length is not None:
                acknowledged.setdefault(call.upload, []).append((call.offset, call.length))
        elif isinstance(record, Event) and record.kind == "fault" and "id" in record.data:
            fault = Lasting(str(record.data["id"]), str(record.data["fault"]), record.replica)
            key = (fault.id, fault.kind, fault.replica)
            if record.data.get("ends"):
                lasting.pop(key, None)
            else:
                lasting[key] = fault
    return Aftermath(
        first_op=len(calls),
        urls=urls,
        acknowledged={upload: tuple(ranges) for upload, ranges in acknowledged.items()},
        ended=tuple(sorted(ended)),
        lasting=tuple(lasting.values()),
    )


def _url(call: Invocation, end: Completion, wire: Wire) -> str | None:
    if call.kind != "create" or end.status is None:
        return None
    return created_url(wire, Reply(status=end.status, headers=end.headers, body=b""))
