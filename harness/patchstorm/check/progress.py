"""The additive headers of a PATCH: how many chunks there are and how far the upload is.

``X-Backend-Ai-Chunks-Received`` counts stored chunks, ``X-Backend-Ai-Progress-Percent`` says how much of the
upload is stored, with two places. Both are held to what had been acknowledged before the request was sent
and to what had been handed over by its answer. Answers without them are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.check.case import UploadCase, Write
from patchstorm.check.ranges import Ranges
from patchstorm.history.model import Operation

CHUNKS = "x-backend-ai-chunks-received"
PERCENT = "x-backend-ai-progress-percent"
_ROUNDING = 0.01
_JUDGED_MAX = 16  # of one upload, the last ones: each is held to all that came before it


def wrong_progress(upload: UploadCase) -> Iterator[tuple[Operation, str]]:
    """Each PATCH whose headers cannot be true, and why."""
    told = [one for one in upload.operations if one.call.kind == "PATCH" and one.outcome == "ok"]
    for operation in told[-_JUDGED_MAX:]:
        assert operation.end is not None
        if upload.delete_invoked <= operation.end.time_ns:
            continue  # what was terminated meanwhile has nothing left to count
        headers = operation.end.headers
        said = _chunks(upload, operation, headers.get(CHUNKS)) or _percent(
            upload, operation, headers.get(PERCENT)
        )
        if said is not None:
            yield operation, said


def _chunks(upload: UploadCase, operation: Operation, text: str | None) -> str | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        return f"{CHUNKS} is {text!r}, not a plain decimal number"
    if upload.damages:
        return None
    least = _cover(upload, _before(upload, operation))
    return None if int(text) >= least else f"{CHUNKS} is {text}, of at least {least} chunks"


def _cover(upload: UploadCase, acked: list[Write]) -> int:
    """The fewest requests that can have stored what was acknowledged: no chunk is longer than one."""
    spans = sorted((one.start, one.reach) for one in upload.writes if one.effect != "none")
    stored = Ranges((one.start, one.acked) for one in acked)
    count = at = 0
    for start, end in stored:
        at = max(at, start)
        while at < end:
            best = max((stop for begin, stop in spans if begin <= at < stop), default=end)
            count, at = count + 1, best
    return count


def _percent(upload: UploadCase, operation: Operation, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        percent = float(text)
    except ValueError:
        return f"{PERCENT} is {text!r}, not a number"
    if not upload.size:
        return None if percent == 100 else f"{PERCENT} is {text} of an upload of no bytes"
    least = 0 if upload.damages else _bytes(upload, _before(upload, operation))
    assert operation.end is not None
    until = operation.end.time_ns
    most = Ranges((one.start, one.end) for one in upload.writes if one.invoked < until)
    low = 100 * least / upload.size - _ROUNDING
    high = 100 * most.total() / upload.size
    if low <= percent <= high + _ROUNDING:
        return None
    return f"{PERCENT} is {text}, between {low:.2f} and {high:.2f} can be stored"


def _before(upload: UploadCase, operation: Operation) -> list[Write]:
    """What was acknowledged before this request was sent, and what it was told itself."""
    return [
        one
        for one in upload.writes
        if one.acked > one.start
        and (one.completed < operation.call.time_ns or one.op == operation.op)
    ]


def _bytes(upload: UploadCase, acked: list[Write]) -> int:
    return Ranges((one.start, one.acked) for one in acked).total()
