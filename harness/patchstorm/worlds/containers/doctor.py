"""What ``patchstorm doctor`` says of the world ``containers``: can it run here, and what lies about.

Where the image is there already a storm's ground is really made and looked at; it is not built for this.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, Literal

from patchstorm.errors import PatchstormError
from patchstorm.worlds.base import Row

if TYPE_CHECKING:
    from patchstorm.live.docker.engine import Engine

WHAT: Final = "world containers"
REMEDY: Final = "remove them with `python -m patchstorm.worlds.containers.reaper --dead`"
NO_BASE: Final = (
    "Docker {version} answers, but has no base image: `docker pull {public}`, or make one without a "
    "registry by ci/containers/base.sh"
)


async def containers() -> AsyncIterator[Row]:
    """A row for the world, and one for what a killed harness left, if it left anything."""
    from patchstorm.live.docker.engine import call, engine
    from patchstorm.live.docker.reaper import leftovers

    try:
        daemon = await call(engine)
        left = await call(leftovers, daemon)
        state, says = await _tried(daemon)
        yield Row(WHAT, state, says)
    except PatchstormError as error:
        yield Row(WHAT, "no", str(error))
        return
    if left:
        names = ", ".join(str(one) for one in left)
        yield Row("leftovers", "no", f"{names}; {REMEDY}")


async def _tried(daemon: Engine) -> tuple[Literal["yes", "no"], str]:
    from patchstorm.live.docker.engine import call
    from patchstorm.live.docker.images import PUBLIC_BASE, base_image, own_tag
    from patchstorm.worlds.containers.ground import trial

    version = (await call(daemon.info))["ServerVersion"]
    base = await base_image(daemon)
    if await call(daemon.image_id, base) is None:
        return "no", NO_BASE.format(version=version, public=PUBLIC_BASE)
    if await call(daemon.image_id, await own_tag(daemon)) is None:
        return "yes", f"Docker {version}; the first storm builds its image on {base}"
    delays = "netem" if await trial(daemon) else "no netem: storms that delay packets are skipped"
    return "yes", f"Docker {version}, {delays}; {await _nfs(daemon)}"


async def _nfs(daemon: Engine) -> str:
    """Whether containers can share a directory over NFS: tried, where the kernel has it."""
    from patchstorm.worlds.containers.files import try_out
    from patchstorm.worlds.containers.machine import kernel_lacks

    lacks = kernel_lacks()
    if lacks is not None:
        return f"storages of NFS are skipped: {lacks}"
    try:
        await try_out(daemon)
    except PatchstormError as error:
        return f"storages of NFS are skipped: {error}"
    return "storages of NFS"
