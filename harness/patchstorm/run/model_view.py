"""The storage model as a run looks at it: past every cache. A look takes no time at all."""

from __future__ import annotations

from patchstorm.history.model import Run
from patchstorm.run.truth import contents, find, walk
from patchstorm.run.view import Look
from patchstorm.scenario import described, payload
from patchstorm.scenario.payload import Part
from patchstorm.storage.extents import Extents
from patchstorm.storage.server import Server
from patchstorm.target.places import Places


class ModelView:
    """The view of a server's tree (:class:`patchstorm.run.view.View`). Directories are listed, too.

    ``epoch_ns`` is what unix time it is when the model's clock shows 0.
    """

    def __init__(self, server: Server, *, epoch_ns: int = 0) -> None:
        self._server = server
        self._epoch_ns = epoch_ns

    def look(self, path: str) -> Look | None:
        inode = find(self._server, path)
        if inode is None:
            return None
        return Look(inode.size, inode.number, inode.mtime + self._epoch_ns, inode.mode & 0o7777)

    def paths(self) -> tuple[str, ...]:
        self._server.end_removals()
        return tuple(path for path, _ in walk(self._server))

    def is_directory(self, path: str) -> bool:
        inode = find(self._server, path)
        return inode is not None and inode.entries is not None

    def begin_of(self, path: str, length: int) -> tuple[int, bytes] | None:
        inode = find(self._server, path)
        if inode is None or inode.entries is not None:
            return None
        return inode.size, contents(inode, 0, min(inode.size, length))

    def identified(
        self, path: str, upload: int, names: dict[int, str], parts: tuple[Part, ...] = ()
    ) -> tuple[int, tuple[Run, ...]] | None:
        inode = find(self._server, path)
        if inode is None or inode.entries is not None:
            return None
        if parts:
            return inode.size, payload.identify_joined(
                lambda offset, length: contents(inode, offset, length),
                inode.size, upload, names, parts,
            )  # fmt: skip
        if type(inode.pages) is Extents:
            pieces = inode.pages.pieces(0, inode.size)
            return inode.size, described.identified(pieces, upload, names)
        data = contents(inode, 0, inode.size)
        return inode.size, payload.identify_bytes(data, upload, names)


def remembered(server: Server, places: Places) -> tuple[str, ...]:
    """Files that no upload is published at; what directories may be left is not said anywhere."""
    published = places.published
    return tuple(
        path
        for path, inode in walk(server)
        if path not in published
        and (inode.entries is None or path.count("/"))
        and not any(name.startswith(f"{path}/") for name in published)
    )
