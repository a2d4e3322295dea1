"""Stores in which a body that broke off undoes what its twin, sent anew and acknowledged, has made."""

from __future__ import annotations

import os
from contextlib import suppress

from chunkstore.body import Body
from chunkstore.errors import StoreError
from chunkstore.store import Store
from patchstorm.catalog.model import Bug
from patchstorm.catalog.sequential import SequentialBody, SequentialStore


class _TidyBody(Body):
    """Takes away the chunk of its offset when it breaks off: it must be what is left of it."""

    def abort(self) -> None:
        undone = self.received and not self._committed
        super().abort()
        if undone:
            with suppress(OSError):
                self._files.discard(self._paths.chunk(self.offset))


class ChunkTakenBack(Store):
    body_type = _TidyBody


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
        name="chunk-taken-back",
        says="a body that breaks off takes away the chunk of its offset, which its retry had made",
        stands_for="cleaning up by a name that two requests share",
        storms=("stalling", "stalling-long"),
        caught_by=("durability", "offsets", "bytes"),
        deed="request unlink **/chunks/*",
        also=(
            "linearizable",
            "status",
            "publication",
            "completion",
            "availability",
            "replay",
            "refusal",
        ),
        store=ChunkTakenBack,
    ),
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
