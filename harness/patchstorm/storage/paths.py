"""From a path to an inode, for anybody who can look one name up in one directory.

``walk`` is the whole of path resolution (path_resolution(7)): it is given a ``lookup``, which for a
local file system reads the directory and for an NFS client asks its caches. A path is relative to
the root of the mount if it starts with a slash, else to ``base``.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from patchstorm.storage.constants import NAME_BYTES_MAX, PATH_BYTES_MAX, SYMLINKS_MAX
from patchstorm.storage.errors import failure
from patchstorm.storage.inode import Inode

Lookup = Callable[[Inode, str], Inode | None]

DOTS = frozenset(("", ".", ".."))

ASCII_LENGTH_SAFE = NAME_BYTES_MAX // 4
"""A name of so many characters fits in 255 bytes whatever they are."""


def refusal_to_remove(path: str, name: str) -> int:
    """rmdir of ``.`` is EINVAL, of ``..`` ENOTEMPTY, of the root EBUSY (rmdir(2))."""
    if not path.strip("/"):
        return errno.EBUSY
    return errno.EINVAL if name == "." else errno.ENOTEMPTY


def check_name(name: str) -> None:
    """ENAMETOOLONG for a name of more than 255 bytes, EINVAL for one that holds a NUL."""
    if len(name.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
        raise failure(errno.ENAMETOOLONG)


def walk_parent(path: str, root: Inode, base: Inode | None, lookup: Lookup) -> tuple[Inode, str]:
    """The directory that a path's last component is in, and that component, not looked up.

    The component is ``.`` or ``..`` if that is what the path ends in, and ``"."`` for the root.
    """
    if not path:
        raise failure(errno.ENOENT)
    head, _, name = path.rstrip("/").rpartition("/")
    start = root if base is None or path[0] == "/" else base
    if not head:
        return start, name or "."
    parent = walk(head, root, base, True, lookup)[2]
    if parent is None:
        raise failure(errno.ENOENT)
    if parent.entries is None:
        raise failure(errno.ENOTDIR)
    return parent, name


def walk(
    path: str,
    root: Inode,
    base: Inode | None,
    follow: bool,
    lookup: Lookup,
    lookup_last: Lookup | None = None,
) -> tuple[Inode, str, Inode | None]:
    """Resolve ``path`` to (directory, last name, inode or None).

    ``lookup_last`` is asked for the last component, where that differs: an NFS client may trust its
    cache on the way and have to ask the server at the end.

    A last component ``.`` or ``..``, and the root, come back with the name ``"."`` and the
    directory itself. A last component that is a symbolic link is followed if ``follow``, or if the
    path ends in a slash. Errors: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG.
    """
    parts = _plain_parts(path)
    if parts is None:
        return _go_on(_Walk(path, root, base), follow, lookup, lookup_last)
    directory = root if base is None or path[0] == "/" else base
    left = len(parts)
    for name in parts:
        left -= 1
        if directory.entries is None:
            raise failure(errno.ENOTDIR)
        ask = lookup if left or lookup_last is None else lookup_last
        child = ask(directory, name)
        if left == 0 and (child is None or child.target is None or not follow):
            return directory, name, child
        if child is None:
            raise failure(errno.ENOENT)
        if child.target is not None:
            at = _Walk(".", root, directory)
            at.todo = list(reversed(parts[len(parts) - left :]))
            at.follow(child.target)
            return _go_on(at, follow, lookup, lookup_last)
        directory = child
    return directory, ".", directory


_PLAIN: dict[str, tuple[str, ...] | None] = {}
_PLAIN_MAX = 20_000


def _plain_parts(path: str) -> tuple[str, ...] | None:
    """The components of a path without dots, doubled or trailing slashes or long names."""
    try:
        return _PLAIN[path]
    except KeyError:
        pass
    parts = tuple(path[1:].split("/") if path[:1] == "/" else path.split("/"))
    plain = not DOTS.intersection(parts) and all(len(p) <= ASCII_LENGTH_SAFE for p in parts)
    if len(_PLAIN) >= _PLAIN_MAX:
        _PLAIN.clear()
    found = _PLAIN[path] = parts if plain and len(path) < PATH_BYTES_MAX // 4 else None
    return found


def _go_on(
    at: _Walk, follow: bool, lookup: Lookup, lookup_last: Lookup | None
) -> tuple[Inode, str, Inode | None]:
    """The general walk: dots, symbolic links, slashes wherever they may be."""
    while at.todo:
        name = at.next_name()
        if name is None:
            continue
        last = not at.todo
        ask = lookup_last if last and lookup_last is not None else lookup
        child = ask(at.directory, name)
        if child is None:
            if last:
                return at.directory, name, None
            raise failure(errno.ENOENT)
        if child.target is not None and (follow or at.must_be_directory or not last):
            at.follow(child.target)
            continue
        if last:
            if at.must_be_directory and child.entries is None:
                raise failure(errno.ENOTDIR)
            return at.directory, name, child
        at.directory = child
    if at.directory.entries is None:
        raise failure(errno.ENOTDIR)
    return at.directory, ".", at.directory


class _Walk:
    """Where a walk is and what is left of the path, last component first."""

    __slots__ = ("directory", "links", "must_be_directory", "root", "todo")

    def __init__(self, path: str, root: Inode, base: Inode | None) -> None:
        if not path:
            raise failure(errno.ENOENT)
        if len(path) >= PATH_BYTES_MAX:
            raise failure(errno.ENAMETOOLONG)
        self.root = root
        self.directory = root if base is None or path[0] == "/" else base
        self.todo = [part for part in reversed(path.split("/")) if part]
        self.must_be_directory = path[-1] == "/"
        self.links = 0

    def next_name(self) -> str | None:
        """The next component that has to be looked up; None if it was a dot or two."""
        name = self.todo.pop()
        if self.directory.entries is None:
            raise failure(errno.ENOTDIR)
        if name == ".":
            return None
        if name == "..":
            self.directory = self.directory.parent or self.root
            return None
        if len(name) > ASCII_LENGTH_SAFE:
            check_name(name)
        return name

    def follow(self, target: str) -> None:
        """Go on at what a symbolic link says."""
        self.links += 1
        if self.links > SYMLINKS_MAX:
            raise failure(errno.ELOOP)
        if target[0] == "/":
            self.directory = self.root
        if target[-1] == "/" and not self.todo:
            self.must_be_directory = True
        self.todo.extend(part for part in reversed(target.split("/")) if part)
