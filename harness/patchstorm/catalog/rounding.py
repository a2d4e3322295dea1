"""Stores that go wrong at the edges of sizes: where one byte is left over, or comes alone."""

from __future__ import annotations

from typing import Final

from chunkstore.model import View
from patchstorm.catalog.model import Bug
from patchstorm.catalog.sequential import Paths, Record, SequentialBody, SequentialStore

BLOCK_BYTES: Final = 512


class OneByteIgnored(SequentialStore):
    """Takes a body of one byte for the end of a line, as of a client that has nothing to say."""

    def append(self, body: SequentialBody) -> View:
        if body.received == 1:
            body.data.clear()
        return super().append(body)


class RemainderLost(SequentialStore):
    """Writes whole blocks, and then what is left over if that is more than one byte."""

    def put(self, paths: Paths, offset: int, data: bytes) -> None:
        left = (offset + len(data)) % BLOCK_BYTES
        super().put(paths, offset, data[:-1] if left == 1 else data)


class CompleteInPercent(SequentialStore):
    """Takes an upload for complete when its progress, rounded, is."""

    def save(self, paths: Paths, record: Record) -> None:
        if record.size and round(100 * record.offset / record.size) == 100:
            record.offset = record.size
        super().save(paths, record)


_OF_LOST_BYTES: Final = ("linearizable", "publication", "protocol", "availability", "refusal")


def _bug(name: str, says: str, store: type, stands_for: str, deed: str) -> Bug:
    return Bug(
        name=name,
        says=says,
        stands_for=stands_for,
        storms=("edges",),
        caught_by=("bytes", "completion", "offsets", "durability"),
        deed=deed,
        also=_OF_LOST_BYTES,
        base="sequential",
        store=store,
    )


BUGS = (
    _bug(
        "one-byte-ignored",
        "a body of one byte is taken for none",
        OneByteIgnored,
        "a length compared with <= 1: an upload whose last chunk is one byte is never finished",
        "client PATCH",
    ),
    _bug(
        "remainder-lost",
        "a byte that is left over after the last whole block is counted, and not written",
        RemainderLost,
        "a loop over whole blocks, and a remainder compared with > 1",
        "client PATCH",
    ),
    _bug(
        "complete-in-percent",
        "an upload is published when its progress is a hundred percent, rounded",
        CompleteInPercent,
        "progress in whole percent as the condition for being done",
        "client PATCH",
    ),
)
