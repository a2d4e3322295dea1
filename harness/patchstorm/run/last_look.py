"""The last look at the storage: each published file identified, what probes made, and what else is left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from patchstorm.dialect.base import Prober
from patchstorm.errors import UnreadableError
from patchstorm.history.model import Final
from patchstorm.history.names import above
from patchstorm.history.recorder import Recorder
from patchstorm.run.view import View
from patchstorm.scenario import payload
from patchstorm.scenario.dividing import parts_of
from patchstorm.scenario.payload import Part
from patchstorm.scenario.plan import Plan, UploadPlan
from patchstorm.target.places import Places


def stands(view: View, places: Places, upload: UploadPlan, sizes: Mapping[str, int]) -> bool:
    """Whether a whole file is published; of rivals, whichever of them it belongs to."""
    path = places.path(upload.id)
    if path is None:
        return False
    try:
        look = view.look(path)
    except UnreadableError:
        return True  # nothing more would be seen however long it is awaited
    if look is None:
        return False
    return look.size >= min(sizes[owner] for owner in places.published[path])


class Found(NamedTuple):
    """The finals, and why some are not among them: what cannot be read is not judged either."""

    finals: list[Final]
    unread: tuple[str, ...] = ()


def finals(plan: Plan, view: View, places: Places) -> Found:
    """A record for each upload, in the plan's order. Reads every published file once for each."""
    names = {upload.number: upload.id for upload in plan.uploads}
    found: list[Final] = []
    unread: list[str] = []
    for upload in plan.uploads:
        try:
            parts = parts_of(plan, upload)
            found.append(_final(upload, places.path(upload.id), view, names, parts))
        except UnreadableError as error:
            unread.append(f"the published file of upload {upload.id}: {error}")
    return Found(found, tuple(unread))


def _final(
    upload: UploadPlan,
    path: str | None,
    view: View,
    names: dict[int, str],
    parts: tuple[Part, ...],
) -> Final:
    found = None if path is None else view.identified(path, upload.number, names, parts)
    if found is None:
        return Final(upload=upload.id, present=False)
    size, runs = found
    look = None if path is None else view.look(path)
    mode = None if look is None else look.mode
    return Final(upload=upload.id, present=True, size=size, runs=runs, mode=mode)


def final_of(plan: Plan, upload: UploadPlan, data: bytes | None) -> Final:
    """The record of what GET gave for ``upload``, one of ``plan``'s."""
    if data is None:
        return Final(upload=upload.id, present=False)
    names = {one.number: one.id for one in plan.uploads}
    runs = payload.identify_joined(
        lambda offset, length: data[offset : offset + length],
        len(data), upload.number, names, parts_of(plan, upload),
    )  # fmt: skip
    return Final(upload=upload.id, present=True, size=len(data), runs=runs)


CONTENTS_BYTES_MAX = 256


def tell_contents(
    probes: Prober,
    published: str | None,
    served: View | Mapping[str, bytes],
    recorder: Recorder,
    now_ns: Callable[[], int],
) -> None:
    """An event for every upload that probes made: how its file begins, or what was ``served`` for its URL."""

    def read(path: str) -> tuple[int, bytes] | None:
        if isinstance(served, Mapping):
            data = served.get(path)
            return None if data is None else (len(data), data[:CONTENTS_BYTES_MAX])
        try:
            return served.begin_of(path, CONTENTS_BYTES_MAX)
        except UnreadableError:
            return None

    for event in probes.contents(published, read, now_ns):
        recorder.add(event)


def left(view: View, places: Places, before: Collection[str]) -> tuple[str, ...]:
    """Every path that the storm brought and no upload is published at.

    ``before`` is what lay there when the fleet was ready. A directory that bears no upload's name is how the
    server arranges its storage, whenever it makes it; what uploads bring is files, and directories of their
    own.
    """
    return tuple(
        path
        for path in view.paths()
        if path not in before and path not in places.published and not arranged(view, places, path)
    )


def may_go(view: View, places: Places, before: Collection[str]) -> set[str]:
    """What a sweep has to remove: neither declared, nor directories above what is."""
    kept = [path for path in view.paths() if places.may_stay(path)]
    return set(left(view, places, before)).difference(kept, *map(above, kept))


def arranged(view: View, places: Places, path: str) -> bool:
    """Whether ``path`` is a directory that bears no upload's name, so that no upload is what it is for."""
    return view.is_directory(path) and not places.names_an_upload(path)
