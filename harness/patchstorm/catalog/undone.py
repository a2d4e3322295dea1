"""Stores in which a body that broke off undoes what its twin, sent anew and acknowledged, has made."""

from __future__ import annotations

import os
from contextlib import suppress

from chunkstore.errors import StoreError
from patchstorm.catalog.model import Bug
from patchstorm.catalog.sequential import SequentialBody, SequentialStore


class _CuttingBody(SequentialBody):
    """Cuts the data file back to where it began when it breaks off."""

    def abort(self) -> None:
        if not self.data or self.committed:
            return
        with suppress(OSError, StoreError), self.store.opened(self.claims) as (paths, _):
            self.cut(paths.of("bin"))

    def cut(self, path: str) -> None:
        with self.store.files.opened(path, os.O_WRONLY) as fd:
            self.store.port.ftruncate(fd, self.offset)


class BytesCutBack(SequentialStore):
    body_type = _CuttingBody


class _RestoringBody(SequentialBody):
    """Puts the offset back to where it began when it breaks off."""

    def abort(self) -> None:
        if not self.data or self.committed:
            return
        with suppress(OSError, StoreError), self.store.opened(self.claims) as (paths, record):
            if record.state == "uploading":
                record.offset = self.offset
                self.store.save(paths, record)


class OffsetPutBack(SequentialStore):
    body_type = _RestoringBody


class _ClearingBody(SequentialBody):
    """Fills the place that it was given with zeros when it breaks off, for the next one to begin clean."""

    def abort(self) -> None:
        if not self.data or self.committed:
            return
        with suppress(OSError, StoreError), self.store.opened(self.claims) as (paths, _):
            self.store.put(paths, self.offset, bytes(len(self.data)))


class RangeCleared(SequentialStore):
    body_type = _ClearingBody


_OF_LOST_BYTES = (
    "linearizable",
    "publication",
    "completion",
    "protocol",
    "availability",
)

BUGS = (
    Bug(
        name="bytes-cut-back",
        says="a body that breaks off cuts the data file back to where it began, whoever wrote there since",
        stands_for="a rollback of a transaction that nobody else takes part in, as it believes",
        storms=("stalling",),
        caught_by=("durability", "bytes"),
        deed="request ftruncate **/*.bin",
        also=(*_OF_LOST_BYTES, "offsets"),
        base="sequential",
        store=BytesCutBack,
    ),
    Bug(
        name="offset-put-back",
        says="a body that breaks off puts the offset back to where it began",
        stands_for="a record restored from memory when a request fails: a late failure undoes its own retry",
        storms=("stalling",),
        caught_by=("durability", "offsets", "bytes"),
        deed="request replace **/*.info or client HEAD",
        also=(*_OF_LOST_BYTES, "conflict"),
        base="sequential",
        store=OffsetPutBack,
    ),
    Bug(
        name="range-cleared",
        says="a body that breaks off leaves zeros where it would have been, whoever was stored there since",
        stands_for="a range that is reserved and wiped on failure by whoever reserved it",
        storms=("stalling",),
        caught_by=("bytes",),
        deed="request pwrite **/*.bin",
        also=(*_OF_LOST_BYTES, "durability"),
        base="sequential",
        store=RangeCleared,
    ),
)
