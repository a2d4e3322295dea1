"""Histories in: JSON Lines to one :class:`History`, with errors that say where and what to do.

A history may have been written by anybody, so every refusal names the file, the line, what is wrong
and the remedy. Unknown fields are ignored (a recorder may note more than is judged); unknown record
types and unknown versions are refused, because silently skipping them could hide an operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from patchstorm.errors import UsageError
from patchstorm.history.build import Malformed, assemble
from patchstorm.history.events import KINDS
from patchstorm.history.model import FORMAT, VERSION, History, Record
from patchstorm.history.upgrade import READS, upgraded
from patchstorm.reading import HISTORY_BYTES_MAX, NOT_DECODED, read_bytes

_TYPES = (
    "header", "invoke", "complete", "final", "residue", *(kind.__struct_config__.tag for kind in KINDS),
)  # fmt: skip
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


class _Probe(msgspec.Struct):
    """As much of any line as every version must share."""

    type: str
    format: str | None = None
    version: int | None = None


def read_history(path: Path) -> History:
    """Read and check one history file. Raises :class:`UsageError` naming file and line."""
    data = read_bytes(path, "Give the path of a history.", HISTORY_BYTES_MAX)
    return parse_history(data, str(path))


def parse_history(data: bytes, name: str = "history") -> History:
    """Like :func:`read_history`, from bytes; ``name`` stands in for the file in messages."""
    lines = _lines(data)
    if not lines:
        raise UsageError(f"{name}: is empty; a history begins with a header line")
    version = _check_header(name, *lines[0])
    whole = data.endswith(b"\n")
    last = lines[-1][0]
    records = [
        _record(name, number, line, version, cut=not whole and number == last)
        for number, line in lines
    ]
    try:
        return assemble(records)
    except Malformed as error:
        where = name if error.place is None else f"{name}:{lines[error.place][0]}"
        raise UsageError(f"{where}: {error.problem}; {error.remedy}") from None


def _lines(data: bytes) -> Sequence[tuple[int, bytes]]:
    """Numbered from 1; blank lines are passed over."""
    return [(at, line) for at, line in enumerate(data.split(b"\n"), 1) if line.strip()]


def _check_header(name: str, number: int, line: bytes) -> int:
    """The version that the header names; UsageError where this release does not read it."""
    try:
        probe = msgspec.json.decode(line, type=_Probe)
    except NOT_DECODED as error:
        raise UsageError(
            f"{name}:{number}: is not a JSON record ({error}); a history is JSON Lines and begins"
            " with a header"
        ) from None
    if probe.type != "header":
        raise UsageError(
            f"{name}:{number}: the first record is {probe.type!r}, not the header; write the header"
            " on the first line"
        )
    if probe.format != FORMAT:
        raise UsageError(
            f"{name}:{number}: format is {probe.format!r}, expected {FORMAT!r}; see docs/history.md"
        )
    if probe.version not in READS:
        raise UsageError(
            f"{name}:{number}: version {probe.version} is unknown to this release, which reads"
            f" versions {READS[0]} to {READS[-1]}; judging it could miss what the other version means,"
            " so it is refused: use the release that wrote it"
        )
    return probe.version


def _record(name: str, number: int, line: bytes, version: int, *, cut: bool) -> Record:
    try:
        if version == VERSION:
            return _decoder.decode(line)
        older = msgspec.json.decode(line, type=dict[str, Any])
        record: Record = msgspec.convert(upgraded(older, version), Record)
        return record
    except NOT_DECODED as error:
        wrong = _broken(line, cut=cut) or _wrong(line, error)
        raise UsageError(f"{name}:{number}: {wrong}") from None


def _broken(line: bytes, *, cut: bool) -> str | None:
    """What is wrong with a line that is no JSON at all."""
    try:
        msgspec.json.decode(line)
    except NOT_DECODED as error:
        if cut:
            return (
                "the last line is cut off, so the recorder was stopped while it wrote; delete that"
                " line: operations without completion count as unknown"
            )
        return f"is not JSON ({error}); write one record a line, without line breaks inside"
    return None


def _wrong(line: bytes, error: Exception) -> str:
    try:
        kind = msgspec.json.decode(line, type=_Probe).type
    except NOT_DECODED:
        return f"is not a record ({error}); every line is an object with a string `type`"
    if kind not in _TYPES:
        known = ", ".join(map(str, _TYPES))
        return f"record type {kind!r} is unknown; the types are {known}"
    return f"this {kind} record is wrong: {error}; docs/history.md lists its fields"
