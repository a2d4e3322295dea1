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
)
