"""What a held request is called, what it touches, and how it is told.

A name has to mean the same call when the same order is run again: the replica, the operation, the path and
what is said of it (offset, length, flags), and how often just that came up before. What a server mints as it
goes (ids, random parts of temporary names) is replaced by the order in which each replica brought it up.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from patchstorm.choice.strategy import Footprint
from patchstorm.storage import constants as c
from patchstorm.worlds.fuse import protocol as p
from patchstorm.worlds.fuse.bridge import Bridge
from patchstorm.worlds.fuse.protocol import Attribute, LockKind, Op, Request

_MINTED = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{20,}|[0-9a-f]{16,}|[A-Za-z0-9_-]{20,}|[0-9]{5,}"
    r"|(?<=[.~_-])(?=[A-Za-z_]*[0-9])[A-Za-z0-9_]{6,12}(?=$|[./])|(?<=^tmp)[a-z0-9_]{8}(?=$|[./])"
)
_ACCESS: Final = ("rd", "wr", "rw")
_FLAGS: Final = ("CREAT", "EXCL", "TRUNC", "APPEND", "DIRECTORY", "DSYNC")
_FIXED: Final = {Op.CREATE: 16, Op.MKDIR: 8, Op.MKNOD: 16}
PAGE_BYTES: Final = 4096
NAMES_DIRECTORY: Final = frozenset(
    (Op.CREATE, Op.MKDIR, Op.MKNOD, Op.UNLINK, Op.RMDIR, Op.RENAME, Op.RENAME2, Op.LINK, Op.SYMLINK)
)
"""What makes a name appear or vanish."""


class Call(NamedTuple):
    """A request as choices and stories know it. ``to`` is the second path of a rename or a link."""

    operation: str
    path: str
    detail: str
    footprint: Footprint
    to: str = ""

    @property
    def changes(self) -> bool:
        """Whether anybody else can see that it has happened."""
        return bool(self.footprint.writes)

    def told(self) -> str:
        """Operation, path and detail."""
        target = f" -> {self.to}" if self.to else ""
        return " ".join(filter(None, (self.operation, (self.path or ".") + target, self.detail)))


class Names:
    """What is minted, by the order in which it came up. Known uploads are called by their own names."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def learn(self, minted: str, name: str) -> None:
        """Paths with this in it belong to the upload called ``name``."""
        self._known[minted] = name

    def path(self, who: str, path: str) -> str:
        """``path`` as every run of the same order would call it."""
        for minted, name in self._known.items():
            if minted in path:
                path = path.replace(minted, f"<{name}>")
        return _MINTED.sub(lambda found: self._minted(who, found[0]), path)

    def _minted(self, who: str, text: str) -> str:
        found = self._known.get(text)
        if found is None:
            count = self._counts.get(who, 0)
            self._counts[who] = count + 1
            found = self._known[text] = f"{who}.{count}"
        return f"<{found}>"


def described(bridge: Bridge, q: Request) -> Call:
    """The call that a request is."""
    describe = _DESCRIBED.get(q.op)
    if describe is not None:
        return describe(bridge, q)
    return _of_node(bridge, q, q.called.lower())


def _of_node(
    bridge: Bridge, q: Request, name: str, detail: str = "", *, of: str = "i", changes: bool = False
) -> Call:
    """A call on what was looked up before; ``of`` says what of it: contents, listing, lock, safety."""
    touched = (of + _inode(bridge, q.node)[1:],)
    reads, writes = ((), touched) if changes else (touched, ())
    return Call(name, bridge.path(q.node), detail, Footprint(name, reads, writes))


def _open(bridge: Bridge, q: Request) -> Call:
    flags = q.unpack("I")[0]
    return _of_node(bridge, q, "open", _opening(flags), changes=bool(flags & c.O_TRUNC))


def _moved_bytes(bridge: Bridge, q: Request) -> Call:
    _, offset, size = q.unpack("QQI")
    name = "write" if q.op == Op.WRITE else "read"
    detail = f"{offset}+{_called_whole(size)}"
    return _of_node(bridge, q, name, detail, changes=q.op == Op.WRITE)


def _called_whole(size: int) -> int:
    """The kernel hands on so many pages at once, and less of a buffer that begins within a page, which is a
    matter of chance."""
    return p.WRITE_BYTES_MAX if size > p.WRITE_BYTES_MAX - PAGE_BYTES else size


def _list(bridge: Bridge, q: Request) -> Call:
    return _of_node(bridge, q, "list", str(q.unpack("QQI")[1]), of="l")


def _lock(bridge: Bridge, q: Request) -> Call:
    name, detail = _locking(q)
    return _of_node(bridge, q, name, detail, of="k", changes=q.op != Op.GETLK)


def _set(bridge: Bridge, q: Request) -> Call:
    return _of_node(bridge, q, *_setting(q), changes=True)


def _set_xattr(bridge: Bridge, q: Request) -> Call:
    name = q.names(8 if q.op == Op.SETXATTR else 0)[0]
    return _of_node(bridge, q, q.called.lower(), name, changes=True)


def _copy(bridge: Bridge, q: Request) -> Call:
    source, target = _inode(bridge, q.node), _inode(bridge, q.unpack("7Q")[2])
    touched = Footprint("copy", (source,), (target,))
    return Call("copy", bridge.path(q.node), "", touched, bridge.path(q.unpack("7Q")[2]))


def _allocate(bridge: Bridge, q: Request) -> Call:
    _, offset, length, _ = q.unpack("QQQI")
    return _of_node(bridge, q, "fallocate", f"{offset}+{length}", changes=True)


def _sync(bridge: Bridge, q: Request) -> Call:
    return _of_node(bridge, q, "fsync", of="d", changes=True)


def _close(bridge: Bridge, q: Request) -> Call:
    return _of_node(bridge, q, "close", of="k", changes=True)


def _stat(bridge: Bridge, q: Request) -> Call:
    return _of_node(bridge, q, "stat")


def _inode(bridge: Bridge, node: int) -> str:
    return f"i{bridge.number(node)}"


def _entry(bridge: Bridge, node: int, name: str) -> str:
    return f"n{_inode(bridge, node)}/{name}"


def _named(bridge: Bridge, q: Request) -> Call:
    operation = q.called.lower()
    name = q.names(_FIXED.get(Op(q.op), 0))[0]
    entry, listing = _entry(bridge, q.node, name), f"l{_inode(bridge, q.node)}"
    detail = _opening(q.unpack("I")[0]) if q.op == Op.CREATE else ""
    looks = q.op == Op.LOOKUP
    touched = Footprint(operation, (entry,), () if looks else (entry, listing))
    return Call(operation, bridge.path(q.node, name), detail, touched)


def _rename(bridge: Bridge, q: Request) -> Call:
    flags, skip = (q.unpack("I", 8)[0], 16) if q.op == Op.RENAME2 else (0, 8)
    to_node = q.unpack("Q")[0]
    old, new = q.names(skip)
    words = {c.RENAME_NOREPLACE: "noreplace", c.RENAME_EXCHANGE: "exchange"}
    writes = (
        *(_entry(bridge, q.node, old), _entry(bridge, to_node, new)),
        *(f"l{_inode(bridge, q.node)}", f"l{_inode(bridge, to_node)}"),
    )
    return Call(
        "rename", bridge.path(q.node, old), words.get(flags, ""),
        Footprint("rename", (), writes), bridge.path(to_node, new),
    )  # fmt: skip


def _link(bridge: Bridge, q: Request) -> Call:
    source, name = q.unpack("Q")[0], q.names(8)[0]
    writes = (_entry(bridge, q.node, name), f"l{_inode(bridge, q.node)}", _inode(bridge, source))
    touched = Footprint("link", (), writes)
    return Call("link", bridge.path(source), "", touched, bridge.path(q.node, name))


def _opening(flags: int) -> str:
    words = [_ACCESS[flags & c.O_ACCMODE] if flags & c.O_ACCMODE < len(_ACCESS) else "?"]
    words += [name.lower() for name in _FLAGS if flags & getattr(c, f"O_{name}")]
    return "|".join(words)


def _locking(q: Request) -> tuple[str, str]:
    _, _, start, end, kind, _, flags, _ = p.LOCK.unpack_from(q.body)
    what = {LockKind.READ: "shared", LockKind.WRITE: "exclusive"}.get(kind, "unlock")
    name = "flock" if flags & p.LOCK_IS_FLOCK else "lockf"
    span = "" if name == "flock" else f" {start}-{'' if end >= c.FILE_BYTES_MAX else end}"
    asks = {Op.SETLK: " at once", Op.GETLK: " asked"}.get(Op(q.op), "")
    return name, f"{what}{span}{'' if what == 'unlock' else asks}"


def _setting(q: Request) -> tuple[str, str]:
    valid, _, _, size = q.unpack("IIQQ")
    if valid & Attribute.SIZE:
        return "truncate", str(size)
    if valid & Attribute.MODE:
        return "chmod", f"{q.unpack('7I', 56)[3] & 0o7777:o}"
    if valid & (Attribute.UID | Attribute.GID):
        return "chown", ""
    return "utime", ""


_DESCRIBED: Final[dict[int, Callable[[Bridge, Request], Call]]] = {
    Op.LOOKUP: _named,
    Op.CREATE: _named,
    Op.MKDIR: _named,
    Op.MKNOD: _named,
    Op.UNLINK: _named,
    Op.RMDIR: _named,
    Op.SYMLINK: _named,
    Op.RENAME: _rename,
    Op.RENAME2: _rename,
    Op.LINK: _link,
    Op.OPEN: _open,
    Op.READ: _moved_bytes,
    Op.WRITE: _moved_bytes,
    Op.READDIR: _list,
    Op.SETLK: _lock,
    Op.SETLKW: _lock,
    Op.GETLK: _lock,
    Op.SETATTR: _set,
    Op.SETXATTR: _set_xattr,
    Op.REMOVEXATTR: _set_xattr,
    Op.COPY_FILE_RANGE: _copy,
    Op.COPY_FILE_RANGE_64: _copy,
    Op.FALLOCATE: _allocate,
    Op.FSYNC: _sync,
    Op.FSYNCDIR: _sync,
    Op.FLUSH: _close,
    Op.GETATTR: _stat,
}
