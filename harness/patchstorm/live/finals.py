"""The last look at the storage: each published file read and identified, and what else is left."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO

from patchstorm.history import Recorder
from patchstorm.history.model import Final, Residue
from patchstorm.live import tree
from patchstorm.scenario import payload
from patchstorm.scenario.plan import Plan, UploadPlan
from patchstorm.target.model import Files
from patchstorm.target.places import Places
from patchstorm.target.probing import CONTENTS_BYTES_MAX, Probes

FETCH_POLL_S = 0.1
Get = Callable[[UploadPlan], Awaitable[bytes | None]]


def finals(plan: Plan, places: Places, view: Path) -> list[Final]:
    """A record for each upload, in the plan's order. Reads every published file once for each."""
    names = {upload.number: upload.id for upload in plan.uploads}
    return [_final(upload, places.path(upload.id), view, names) for upload in plan.uploads]


def _final(upload: UploadPlan, path: str | None, view: Path, names: dict[int, str]) -> Final:
    if path is None:
        return Final(upload=upload.id, present=False)
    try:
        with open(view / path, "rb", buffering=0) as file:
            size = file.seek(0, 2)
            runs = payload.identify(_reader(file), size, upload.number, names)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return Final(upload=upload.id, present=False)
    return Final(upload=upload.id, present=True, size=size, runs=runs)


def tell_contents(probes: Probes, files: Files, view: Path, recorder: Recorder) -> None:
    """Write a ``contents`` event for every upload that probes made: how its file begins."""

    def read(path: str) -> tuple[int, bytes] | None:
        try:
            with open(view / path, "rb") as file:
                return file.seek(0, 2), os.pread(file.fileno(), CONTENTS_BYTES_MAX, 0)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    for event in probes.contents(files.published, read, time.monotonic_ns):
        recorder.add(event)


def _reader(file: BinaryIO) -> Callable[[int, int], bytes]:
    def read(offset: int, length: int) -> bytes:
        file.seek(offset)
        parts = bytearray()
        while len(parts) < length:
            part = file.read(length - len(parts))
            if not part:
                raise OSError("the published file became shorter while it was read")
            parts += part
        return bytes(parts)

    return read


async def fetched(plan: Plan, get: Get, *, until: float) -> list[Final]:
    """As :func:`finals`, for a target whose bytes are had with GET: ``get`` gives those of an upload.

    An upload that is not whole yet is asked for again until the moment ``until`` (time.monotonic).
    """
    names = {upload.number: upload.id for upload in plan.uploads}
    found = []
    for upload in plan.uploads:
        data = await get(upload)
        while (data is None or len(data) < upload.size) and time.monotonic() < until:
            await asyncio.sleep(FETCH_POLL_S)
            data = await get(upload)
        if data is None:
            found.append(Final(upload=upload.id, present=False))
            continue
        runs = payload.identify(_slices(data), len(data), upload.number, names)
        found.append(Final(upload=upload.id, present=True, size=len(data), runs=runs))
    return found


def _slices(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: data[offset : offset + length]


def residue(places: Places, view: Path, *, swept: bool) -> Residue:
    """What lies on the storage now, published files left out: files, and directories that are empty."""
    paths = tuple(path for path in leaves(view) if path not in places.published)
    return Residue(paths=paths, swept=swept)


def untidy(places: Places, view: Path) -> tuple[str, ...]:
    """What a sweep should still remove."""
    return tuple(path for path in leaves(view) if not places.may_stay(path))


def leaves(view: Path) -> tuple[str, ...]:
    """Every file and every empty directory below ``view``, in order."""
    paths = tree.paths(view)
    parents = {path.rpartition("/")[0] for path in paths}
    return tuple(path for path in paths if path not in parents)
