"""Where published files go: below the root, through real directories only.

A link anywhere on the way is refused, wherever it points: what it points to can change after the
check, and a directory that nobody can redirect needs no second thought.
"""

from __future__ import annotations

import os

from .errors import BadRequest, Conflict, TargetTaken
from .files import Files, is_directory
from .layout import target_parts
from .port import Stat


class Places:
    """Target names below one root."""

    def __init__(self, files: Files, root: str) -> None:
        self._files = files
        self._root = root

    def path(self, target: str) -> str:
        return f"{self._root}/{target}"

    def check(self, target: str, *, overwrite: bool) -> None:
        """``BadRequest`` for a name that leaves the root, ``TargetTaken`` for one that is in use."""
        self._walk(target, make=False)
        found = self._files.find(self.path(target))
        if found is not None and (not overwrite or is_directory(found)):
            raise TargetTaken("The target name is taken.", target=target)

    def taken(self, target: str) -> bool:
        """Whether the name is another file's, and will be after a loss of power.

        Each directory on the way is opened first, which refreshes what an NFS client believes of its
        names. One that is a file by now leaves no place for the target either.
        """
        directory = self._root
        for part in ("", *target_parts(target)[:-1]):
            directory = f"{directory}/{part}" if part else directory
            try:
                with self._files.opened(directory, os.O_RDONLY | os.O_DIRECTORY):
                    pass
            except FileNotFoundError:
                return False
            except NotADirectoryError:
                return self._stands(directory)
        return self._stands(self.path(target))

    def _stands(self, path: str) -> bool:
        """Whether there is such a name, which whoever gave it may not have synced before it died."""
        if self._files.find(path) is None:
            return False
        self._files.sync_directory(os.path.dirname(path))
        return True

    def prepare(self, target: str) -> str:
        """The target's path, its directories made and durable.

        ``Conflict`` when there is something else in the way by now.
        """
        try:
            self._walk(target, make=True)
        except BadRequest as error:
            raise Conflict(error.detail, **error.extra) from None
        return self.path(target)

    def _walk(self, target: str, *, make: bool) -> None:
        directory = self._root
        for part in target_parts(target)[:-1]:
            parent, directory = directory, f"{directory}/{part}"
            found = self._files.find(directory)
            if found is None and not make:
                return
            if found is None:
                found = self._make(directory)
            if not is_directory(found):
                raise BadRequest(
                    "The target name passes through a link or a file instead of a directory.",
                    target=target,
                )
            if make:  # even if it was there: its maker may have died before syncing its name
                self._files.sync_directory(parent)

    def _make(self, directory: str) -> Stat:
        """What has the name then, which need not be what was made; or what has its parent's."""
        try:
            self._files.make_directory(directory)
        except NotADirectoryError:
            directory = os.path.dirname(directory)
        return self._files.port.lstat(directory)
