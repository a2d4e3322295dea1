"""What the uploads of probes hold in the end, as the storage itself has it."""

from __future__ import annotations

from collections.abc import Callable

from patchstorm.history.recorder import Recorder
from patchstorm.storage.server import Server
from patchstorm.target.model import Files
from patchstorm.target.probing import CONTENTS_BYTES_MAX, Probes
from patchstorm.worlds.sim.truth import contents, find


def tell_contents(
    probes: Probes, files: Files, server: Server, recorder: Recorder, stamp: Callable[[], int]
) -> None:
    """Write a ``contents`` event for every upload that probes made: how its file begins."""

    def read(path: str) -> tuple[int, bytes] | None:
        inode = find(server, path)
        if inode is None or inode.entries is not None:
            return None
        return inode.size, contents(inode, 0, min(inode.size, CONTENTS_BYTES_MAX))

    for event in probes.contents(files.published, read, stamp):
        recorder.add(event)
