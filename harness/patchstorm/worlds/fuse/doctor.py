"""What ``patchstorm doctor`` says of the world ``fuse``: tried, not guessed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from patchstorm.errors import PatchstormError
from patchstorm.live.docker.engine import call
from patchstorm.worlds.base import Row
from patchstorm.worlds.fuse.boxes import reachable
from patchstorm.worlds.fuse.device import mounted
from patchstorm.worlds.fuse.folders import folders
from patchstorm.worlds.fuse.rest import why_not
from patchstorm.worlds.fuse.shown import left_mounts, shown

REMEDY: Final = "take them away with `umount -l`"


async def rows(what: str) -> AsyncIterator[Row]:
    """A file system is really mounted and taken away again: for processes, and where containers find it."""
    missing = why_not()
    if missing is not None:
        yield Row(what, "no", missing)
        return
    try:
        with folders() as (root, _):
            mounted(root).close()
    except (PatchstormError, OSError) as error:
        yield Row(what, "no", str(error))
        return
    yield Row(what, "yes", "/dev/fuse, mounted in a namespace of its own")
    yield await _contained(f"{what}, images")
    left = sorted(left_mounts())
    if left:
        yield Row("leftovers", "no", f"dead mounts on {', '.join(left)}; {REMEDY}")


async def _contained(what: str) -> Row:
    try:
        daemon = await call(reachable)
        version = (await call(daemon.info))["ServerVersion"]
        with folders() as (root, _):
            shown(root).close()
    except (PatchstormError, OSError) as error:
        return Row(what, "no", str(error))
    return Row(what, "yes", f"Docker {version}; whether it sees the mounts is found out by a storm")
