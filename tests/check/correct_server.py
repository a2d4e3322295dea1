"""The correct store itself: one list of bytes for each upload, and every answer that is allowed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from correct_model import MS, Ask, Upload, nobody

from patchstorm.history import Recorder
from patchstorm.history.events import Damage
from patchstorm.history.model import StatusDocument
from patchstorm.scenario.strikes import struck


class Server:
    """Serves one request at one instant; what takes time is put off with ``at``."""

    rng: random.Random
    now: int
    inode: int
    sequential: bool
    keeps: bool
    damages: bool
    trouble: float
    recorder: Recorder
    uploads: dict[str, Upload]
    published: dict[str, tuple[str, int]]  # target -> (upload, inode)

    def at(self, ticks: int, what: Callable[[], None]) -> None:
        """Do something so many milliseconds from now."""
        raise NotImplementedError

    def serve(self, ask: Ask, answer: Callable[..., None]) -> None:
        upload = self.uploads[ask.upload]
        if ask.kind == "create":
            self._create(upload, ask, answer)
        elif upload.born is None:
            answer(404)
        elif upload.gone or self.expired(upload):
            answer(self.rng.choice((404, 410)))
        elif ask.kind == "terminate":
            upload.gone = True
            if self.sequential and upload.info.target in self.published:
                del self.published[upload.info.target]
            answer(204)
        elif ask.kind == "append":
            self._patch(upload, ask, answer)
        elif upload.full and not self.publish(upload):
            answer(self.rng.choice((409, 423)) if self._lost(upload) else 423)
        elif ask.kind == "query":
            answer(200, offset=upload.prefix)
        else:
            answer(200, document=self._document(upload))

    def expired(self, upload: Upload) -> bool:
        if upload.info.expires_ms is None or upload.published:
            return False
        return self.now - (upload.born or 0) > upload.info.expires_ms * MS

    def _create(self, upload: Upload, ask: Ask, answer: Callable[..., None]) -> None:
        if upload.born is None:
            upload.born = self.now
        if upload.gone:
            answer(404)
        elif not ask.length:
            if not upload.cells:
                self.publish(upload)
            answer(201)
        elif self.sequential:
            offset_at_least = {"offset": 0}
            self.store_parts(
                ask, ask.length, lambda _, **more: answer(201, **{**offset_at_least, **more})
            )
        else:
            stored = self._commit(upload, ask)
            full = upload.full and not self.publish(upload)
            answer(201, offset=0) if not stored or full else answer(201, offset=upload.prefix)

    def _patch(self, upload: Upload, ask: Ask, answer: Callable[..., None]) -> None:
        length, offset = ask.length or 0, ask.offset or 0
        if self.sequential and offset != upload.prefix:
            answer(409)
        elif self.sequential and upload.busy:
            answer(self.rng.choice((409, 423)))
        elif offset + length > len(upload.cells):
            answer(413)
        elif ask.checksum == "wrong":
            answer(460)
        elif self.rng.random() < self.trouble / 6:
            self._fail(upload, ask, answer)
        elif self.sequential:
            self.store_parts(ask, length, answer)
        elif not self._commit(upload, ask):
            answer(409)
        else:
            self.at(self.rng.choice((0, 0, 6)), lambda: self._committed(upload, answer))

    def _fail(self, upload: Upload, ask: Ask, answer: Callable[..., None]) -> None:
        """The disk is full; the bytes may stay all the same."""
        self.recorder.add(struck("enospc", time_ns=self.now))
        if self.rng.random() < 0.5 and not self.sequential:
            self._commit(upload, ask)
        answer(507)
        self.recorder.add(struck("enospc", time_ns=self.now, ends=True))

    def _committed(self, upload: Upload, answer: Callable[..., None]) -> None:
        if upload.gone:
            answer(410)
        elif upload.full and not self.publish(upload):
            answer(409 if self._lost(upload) else 423)
        else:
            answer(204, offset=upload.prefix)

    def _lost(self, upload: Upload) -> bool:
        """Another upload has its name."""
        return upload.info.target in self.published and not upload.info.overwrite

    def keep(self, ask: Ask, came: int) -> None:
        """The body broke off when so much of it had come."""
        upload = self.uploads[ask.upload]
        if self.sequential:
            self.store_parts(ask, came, nobody)
            return
        closed = upload.born is None or upload.gone or self.expired(upload) or upload.published
        past = (ask.offset or 0) + came > len(upload.cells)
        if came and ask.checksum == "none" and not closed and not past:
            self._commit(upload, replace(ask, length=came))
            if upload.full:
                self.publish(upload)

    def _commit(self, upload: Upload, ask: Ask) -> bool:
        start, end = ask.offset or 0, (ask.offset or 0) + (ask.length or 0)
        if any(one not in (None, ask.content) for one in upload.cells[start:end]):
            return False
        at = start
        while at < end:
            stop = at
            while stop < end and upload.cells[stop] is None:
                upload.cells[stop] = ask.content
                stop += 1
            if stop > at:
                upload.chunks[at] = stop
                if self.damages and self.rng.random() < 0.2:
                    self.at(self.rng.randrange(60), lambda at=at: self._destroy(upload, at))
            at = max(stop, at + 1)
        return True

    def store_parts(self, ask: Ask, length: int, answer: Callable[..., None]) -> None:
        """Sequential: the body arrives, in one piece or, where partial bodies stay, in several."""
        upload = self.uploads[ask.upload]
        offset = ask.offset or 0
        past = offset + (ask.length or 0) > len(upload.cells)
        refused = past or upload.gone or ask.checksum == "wrong"
        if refused or upload.busy or upload.prefix != offset:
            answer(423)
            return
        if upload.born is None:
            return
        upload.busy = True
        pieces = [length]
        if self.keeps and length > 1:
            pieces = sorted({self.rng.randint(1, length), self.rng.randint(1, length), length})

        def store() -> None:
            if upload.gone:
                answer(410)
                return
            stop = offset + pieces.pop(0)
            upload.cells[offset:stop] = [ask.content] * (stop - offset)
            if pieces:
                self.at(self.rng.randrange(6), store)
                return
            upload.busy = False
            if upload.full:
                self.publish(upload)
            answer(204, offset=upload.prefix)

        store()

    def _destroy(self, upload: Upload, start: int) -> None:
        if upload.published or upload.gone or start not in upload.chunks:
            return
        self.recorder.add(
            Damage(
                time_ns=self.now,
                upload=upload.info.id,
                offset=start,
                length=upload.chunks[start] - start,
            )
        )
        upload.rotten.add(start)
        if self.rng.random() < 0.5:
            self.at(self.rng.randrange(60), lambda: self._notice(upload))

    def _notice(self, upload: Upload) -> None:
        """What is read back is checked: exactly those chunks return to missing."""
        if upload.published:
            return
        for start in sorted(upload.rotten):
            end = upload.chunks.pop(start)
            upload.cells[start:end] = [None] * (end - start)
        upload.rotten.clear()

    def publish(self, upload: Upload) -> bool:
        """Publish if it works out now; whether the full length may be announced."""
        if upload.published:
            return True
        if upload.rotten:
            self._notice(upload)
            return not upload.full
        target, info = self.published.get(upload.info.target), upload.info
        if upload.gone or (target is not None and not info.overwrite):
            return False
        if not self.sequential and self.rng.random() < self.trouble:
            return False
        self.inode += 1
        self.published[info.target] = (info.id, self.inode)
        upload.published = True
        return True

    def _document(self, upload: Upload) -> StatusDocument:
        size = len(upload.cells)
        missing = upload.missing()
        stored = size - sum(length for _, length in missing)
        return StatusDocument(
            total_size=size,
            committed_offset=upload.prefix,
            chunks_received=tuple(sorted(upload.chunks)),
            missing_ranges=tuple(missing),
            progress_percent=100.0 * stored / size if size else 100.0,
            status="published" if upload.published else "uploading",
        )
