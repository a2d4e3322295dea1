"""Stores that join the wrong bytes, and stores that lose or change a length that was declared later."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from zlib import crc32

from msgspec.structs import replace

from chunkstore.errors import BadRequest, UnknownUpload
from chunkstore.model import Claims, View
from patchstorm.catalog.joining import OPEN, JoiningBody, JoiningExchange, JoiningStore
from patchstorm.catalog.model import Bug, Innocent
from patchstorm.catalog.sequential import Paths, Record, SequentialBody


class JoinedAsFinished(JoiningStore):
    """Joins parts as their files come in order of age."""

    def in_order(self, parts: Sequence[Claims]) -> list[str]:
        return sorted(super().in_order(parts), key=self.finished_ns)

    def finished_ns(self, path: str) -> tuple[int, str]:
        found = self.files.find(path)
        return (0 if found is None else found.st_mtime_ns, path)


class JoinedUnfinished(JoiningStore):
    """Takes of a part what there is."""

    def whole(self, part: Claims) -> Record:
        record = self.record_of(part)
        return record if record.complete else replace(record, size=record.offset)

    def in_order(self, parts: Sequence[Claims]) -> list[str]:
        return [self.bytes_of(part) for part in parts]

    def bytes_of(self, part: Claims) -> str:
        record = self.record_of(part)
        published = record.state == "published"
        return self.places.path(record.target) if published else self.paths(part.session).of("bin")


class JoinedInOnePlace(JoiningStore):
    """Copies the parts together in a file that is called after them."""

    def copy(self, paths: Paths, files: Sequence[str]) -> None:
        place = f"{self.uploads}/{self.named(paths, files)}.join"
        with self.files.opened(place, os.O_RDWR | os.O_CREAT) as fd:
            self.add_all(fd, files, self.port.fstat(fd).st_size)
            self.port.fsync(fd)
        super().copy(paths, [place])
        self.files.discard(place)

    def named(self, paths: Paths, files: Sequence[str]) -> str:
        return f"{crc32(' '.join(sorted(files)).encode()):08x}"


class JoinedApart(JoinedInOnePlace):
    """The same, begun anew, with a name for each final upload."""

    def copy(self, paths: Paths, files: Sequence[str]) -> None:
        self.files.discard(f"{self.uploads}/{paths.name}.join")
        super().copy(paths, files)

    def named(self, paths: Paths, files: Sequence[str]) -> str:
        return paths.name


class JoinedLater(JoiningStore):
    """Saves that all is there, and then copies the parts."""

    def assemble(
        self, paths: Paths, claims: Claims, metadata: str, parts: Sequence[Claims]
    ) -> None:
        self.places.check(claims.target, overwrite=claims.overwrite)
        self.files.create(paths.of("bin"), b"")
        self.save(paths, self.record_of_final(claims, metadata))
        self.copy(paths, self.in_order(parts))


class JoinedOntoTheFirst(JoiningStore):
    """Puts the others behind the first part, and gives that file a second name."""

    def copy(self, paths: Paths, files: Sequence[str]) -> None:
        first, *others = files
        with self.files.opened(first, os.O_WRONLY) as fd:
            self.add_all(fd, others, self.port.fstat(fd).st_size)
            self.port.fsync(fd)
        self.files.discard(paths.of("bin"))
        self.port.link(first, paths.of("bin"))

    def happened(self, paths: Paths, record: Record) -> bool:
        target = self.files.find(self.places.path(record.target))
        return target is not None and not record.overwrite


class JoinedByMemory(JoiningStore):
    """Believes of a part what it was told itself last."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.offsets: dict[str, int] = {}

    def append(self, body: Any) -> Any:
        view = super().append(body)
        self.offsets[body.claims.session] = view.offset
        return view

    def whole(self, part: Claims) -> Record:
        record = super().whole(part)
        if self.offsets.get(part.session, record.size) < record.size:
            raise BadRequest("A part is not complete.")
        return record


class JoinedAtHome(JoiningStore):
    """Joins what this process has created."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.created: set[str] = set()

    def create(self, claims: Claims, metadata: str = "") -> Any:
        self.created.add(claims.session)
        return super().create(claims, metadata)

    def whole(self, part: Claims) -> Record:
        if part.session not in self.created:
            raise UnknownUpload("There is no such part.")
        return super().whole(part)


class JoinedInOneOrder(JoinedAsFinished):
    """Refuses an order that is not that in which the parts were finished."""

    def in_order(self, parts: Sequence[Claims]) -> list[str]:
        asked = [self.places.path(self.whole(part).target) for part in parts]
        if asked != super().in_order(parts):
            raise BadRequest("The parts are not in order.")
        return asked


class _OpenThenBody(JoiningBody):
    """Remembers from when the request came whether the length was open."""

    was_open = False


class LengthOpenThen(JoiningStore):
    """Looks at the length with the head of a request, and not again when the body has come."""

    body_type = _OpenThenBody
    _was_open = False

    def begin(self, claims: Claims, offset: int, length: int | None = None) -> SequentialBody:
        body = super().begin(claims, offset, length)
        assert isinstance(body, _OpenThenBody)
        body.was_open = self.record_of(claims).size == OPEN
        return body

    def append(self, body: SequentialBody) -> View:
        assert isinstance(body, _OpenThenBody)
        self._was_open = body.was_open
        return super().append(body)

    def length(self, record: Record, declared: int | None, end: int) -> int:
        if declared is None or not self._was_open:
            return super().length(record, declared, end)
        self.check_length(declared, end)
        return declared


class LengthOverwritten(JoiningStore):
    """Takes every length that is declared."""

    def length(self, record: Record, declared: int | None, end: int) -> int:
        if declared is None:
            return record.size
        self.check_length(declared, end)
        return declared


class LengthOnce(JoiningStore):
    """Refuses every length but the first, also the same one again."""

    def length(self, record: Record, declared: int | None, end: int) -> int:
        if declared is not None and record.size != OPEN:
            raise BadRequest("The upload's length is settled.", expected=record.size)
        return super().length(record, declared, end)


class LengthInMemory(JoiningStore):
    """Keeps a length in the process that was told it, until bytes come with one."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.lengths: dict[str, int] = {}

    def append(self, body: Any) -> Any:
        session = body.claims.session
        if not body.data and body.declared is not None:
            self.lengths.setdefault(session, body.declared)
            body.declared = None
            return replace(super().append(body), size=self.lengths[session])
        if body.declared is None:
            body.declared = self.lengths.get(session)
        return super().append(body)


class LengthTooShort(JoiningStore):
    """Takes a length that is less than what is there, and cuts off what is beyond it."""

    def length(self, record: Record, declared: int | None, end: int) -> int:
        if declared is None or record.size != OPEN:
            return super().length(record, declared, end)
        return declared

    def check_end(self, end: int, length: int) -> None:
        """Whatever is beyond the length is cut off."""

    def save(self, paths: Paths, record: Record) -> None:
        record.offset = min(record.offset, record.size)
        super().save(paths, record)


class DeferForgotten(JoiningStore):
    """Keeps in the record only how much there is, where no length is known yet."""

    def save(self, paths: Paths, record: Record) -> None:
        if record.size == OPEN and record.offset:
            record.size = record.offset
        super().save(paths, record)


def _bug(name: str, says: str, stands_for: str, **rest: Any) -> Bug:
    return Bug(
        name=name, says=says, stands_for=stands_for, base="joining", exchange=JoiningExchange, **rest
    )  # fmt: skip


BUGS = (
    _bug(
        "joined-as-finished",
        "parts are joined in the order in which they were finished, not in the order asked for",
        "tus 1.0.0, concatenation: in the order in which they are listed",
        storms=("concatenating",),
        caught_by=("joined",),
        deed="client POST",
        store=JoinedAsFinished,
    ),
    _bug(
        "joined-unfinished",
        "a part that is not complete is joined with the bytes that it has",
        "tus 1.0.0, concatenation: unfinished parts only where that is announced",
        storms=("concatenating",),
        caught_by=("joined",),
        deed="client POST",
        store=JoinedUnfinished,
    ),
    _bug(
        "joined-in-one-place",
        "the parts are copied together under a name that a second final upload has, too",
        "a temporary file that two requests share and append to",
        storms=("concatenating",),
        caught_by=("joined",),
        deed="client POST",
        also=("residue",),
        store=JoinedInOnePlace,
        sim_only="two final uploads of real processes are seldom joined at the same moment",
        twin=Innocent(
            says="each final upload is copied together under a name of its own",
            store=JoinedApart,
            exchange=JoiningExchange,
        ),
    ),
    _bug(
        "joined-later",
        "a final upload is recorded as complete before the bytes of its parts are copied",
        "a death between two parts, and HEAD that calls the rest complete",
        storms=("concatenating-crash",),
        caught_by=("joined",),
        deed="client POST",
        also=("residue",),
        store=JoinedLater,
        sim_only="a death has to come while parts are copied, and no file shows when that is",
    ),
    _bug(
        "joined-onto-the-first",
        "the other parts are appended to the file of the first, which is then the final upload's",
        "a join that renames the first part instead of copying it",
        storms=("concatenating",),
        caught_by=("bytes", "joined"),
        deed="client POST",
        also=("publication", "durability", "residue"),
        store=JoinedOntoTheFirst,
    ),
    _bug(
        "joined-by-memory",
        "a final upload is refused whose parts were finished at another replica than it last saw them at",
        "an offset that is kept beside the record and believed first",
        storms=("concatenating",),
        caught_by=("joined",),
        deed="client POST",
        store=JoinedByMemory,
    ),
    _bug(
        "joined-at-home",
        "only parts that were created at the same replica can be joined",
        "uploads that are looked up in the memory of one process",
        storms=("concatenating",),
        caught_by=("joined",),
        deed="client POST",
        store=JoinedAtHome,
    ),
    _bug(
        "joined-in-one-order",
        "parts can be joined only in the order in which they were finished",
        "tus 1.0.0, concatenation: in the order in which they are listed",
        storms=("concatenating",),
        caught_by=("joined",),
        deed="client POST",
        store=JoinedInOneOrder,
    ),
    _bug(
        "length-overwritten",
        "a second declaration changes the length that was settled",
        "tus 1.0.0, creation: once it is set the length must not be changed",
        storms=("deferring", "deferring-crash"),
        caught_by=("declared",),
        deed="client PATCH",
        store=LengthOverwritten,
        twin=Innocent(
            says="a length that is settled is not taken again, not even the same",
            store=LengthOnce,
            exchange=JoiningExchange,
        ),
    ),
    _bug(
        "length-open-then",
        "whether the length is still open is asked when a request comes, and not when its body has come",
        "check, then act: a length that another request settled meanwhile is replaced",
        storms=("deferring",),
        caught_by=("declared",),
        deed="client PATCH",
        store=LengthOpenThen,
    ),
    _bug(
        "length-in-memory",
        "a length that is declared without bytes is kept by the process that was told it",
        "state beside the record that no other replica sees, and no restart",
        storms=("deferring", "deferring-crash"),
        caught_by=("declared",),
        deed="client PATCH",
        also=("completion", "linearizable"),
        store=LengthInMemory,
    ),
    _bug(
        "length-too-short",
        "a length that is less than what has been acknowledged is taken, and the rest cut off",
        "Upload-Length that is compared with nothing when it is declared",
        storms=("deferring",),
        caught_by=("declared",),
        deed="client PATCH",
        store=LengthTooShort,
    ),
    _bug(
        "defer-forgotten",
        "that the length is still to come is not recorded: the first bytes are all of it",
        "a record whose length is what has been received so far",
        storms=("deferring",),
        caught_by=("declared", "protocol"),
        deed="client PATCH",
        also=("bytes", "completion", "publication", "durability", "offsets", "linearizable",
              "availability", "refusal"),
        store=DeferForgotten,
    ),
)  # fmt: skip
