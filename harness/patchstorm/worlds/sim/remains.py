"""What lies on the simulated storage when a run is over, by whose it is."""

from __future__ import annotations

from patchstorm.history.model import Final
from patchstorm.scenario import payload
from patchstorm.scenario.plan import Plan, UploadPlan
from patchstorm.storage.server import Server
from patchstorm.target.places import Places
from patchstorm.worlds.sim.truth import contents, find, walk


def stands(server: Server, places: Places, upload: UploadPlan) -> bool:
    """Whether a file of the upload's size is published."""
    path = places.path(upload.id)
    inode = None if path is None else find(server, path)
    return inode is not None and inode.size >= upload.size


def left(server: Server, places: Places) -> tuple[str, ...]:
    """Every path that no upload is published at."""
    return tuple(path for path, _ in walk(server) if path not in places.published)


def may_go(server: Server, places: Places) -> set[str]:
    """The paths that a sweep has to remove: neither declared, nor directories above what is."""
    paths = [path for path, _ in walk(server)]
    kept = [path for path in paths if places.may_stay(path)]
    above = {path[:at] for path in kept for at, letter in enumerate(path) if letter == "/"}
    return set(paths) - set(kept) - above


def remembered(server: Server, places: Places) -> tuple[str, ...]:
    """Files; what directories may be left is not said anywhere."""
    published = places.published
    return tuple(
        path
        for path, inode in walk(server)
        if path not in published
        and (inode.entries is None or path.count("/"))
        and not any(name.startswith(f"{path}/") for name in published)
    )


def finals(plan: Plan, server: Server, places: Places) -> list[Final]:
    """The published file of every upload, and whose bytes stand in it."""
    names = {upload.number: upload.id for upload in plan.uploads}
    return [_final(upload, names, server, places) for upload in plan.uploads]


def _final(upload: UploadPlan, names: dict[int, str], server: Server, places: Places) -> Final:
    path = places.path(upload.id)
    inode = None if path is None else find(server, path)
    if inode is None or inode.entries is not None:
        return Final(upload=upload.id, present=False)
    data = contents(inode, 0, inode.size)
    runs = payload.identify_bytes(data, upload.number, names)
    return Final(upload=upload.id, present=True, size=inode.size, runs=runs)
