"""Histories out: one JSON object a line, in one canonical encoding.

Canonical means: fields in the order of the model, defaults left out, keys of free-form mappings
sorted. Equal records therefore give equal bytes in every process, whatever PYTHONHASHSEED is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

import msgspec

from patchstorm.history.build import records_of
from patchstorm.history.model import History, Record

_encoder = msgspec.json.Encoder(order="deterministic")


def encode_record(record: Record) -> bytes:
    """The canonical line of one record, without the newline."""
    return _encoder.encode(record)


def write_history(what: History | Iterable[Record], file: IO[bytes]) -> None:
    """Write a history, or records in the order they were recorded, to a binary file."""
    records = records_of(what) if isinstance(what, History) else what
    for record in records:
        file.write(_encoder.encode(record) + b"\n")
