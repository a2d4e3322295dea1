"""What clients know of their uploads: URLs, what was offered, acknowledged, announced and ended.

Computed from completions alone, so that it can be had again from a history that broke off.
"""

from __future__ import annotations

from collections.abc import Iterable

from patchstorm.history.model import Completion, Kind
from patchstorm.history.ranges import Ranges


class Knowledge:
    """The clients' knowledge of some uploads, whose declared ``sizes`` (bytes) are known from the start.

    ``announced`` are uploads of which an answer gave the full length as offset; ``ended`` those that a
    termination may have ended; ``measured`` those of which an answer told the length.
    """

    __slots__ = ("acknowledged", "announced", "ended", "measured", "offered", "sizes", "urls")

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.urls: dict[str, str] = {}
        self.acknowledged = {upload: Ranges() for upload in sizes}
        self.offered = {upload: Ranges() for upload in sizes}
        self.ended: set[str] = set()
        self.announced: set[str] = set()
        self.measured: set[str] = set()

    def completed(
        self, kind: Kind, upload: str | None, body: tuple[int, int] | None, end: Completion
    ) -> bool:
        """An operation has ended; ``body`` is the range (begin, end) of the bytes that it carried.

        True where this was the first answer that announced the upload's full length.
        """
        size = None if upload is None else self.sizes.get(upload)
        if upload is None or size is None:
            return False
        if kind == "terminate" and end.outcome != "fail":
            self.ended.add(upload)
        if end.outcome != "ok":
            return False
        if end.upload_length is not None:
            self.measured.add(upload)
        if body is not None:
            self.acknowledged[upload].add(*body)
        if end.offset != size or upload in self.announced:
            return False
        self.announced.add(upload)
        return True

    def owed(self) -> list[str]:
        """The uploads whose every byte was acknowledged and that nobody ended."""
        return [
            upload
            for upload, acked in self.acknowledged.items()
            if acked.covers(0, self.sizes[upload])
            and upload in self.urls
            and upload not in self.ended
        ]

    def all_finished(self, uploads: Iterable[str]) -> bool:
        """Whether each of these is owed its file, ended, or said to be whole: nothing lies about for it."""
        finished = {*self.owed(), *self.ended, *self.announced}
        return all(upload in finished for upload in uploads)
