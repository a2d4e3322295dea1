"""A process that holds a mount namespace with a file system in it; gone with it, nothing is mounted.

Run by path with ``python -I -S``: ``nsholder.py hold DIRECTORY BYTES`` mounts, prints ``ready`` and
waits for the end of its standard input; ``nsholder.py fuse DIRECTORY SOCKET`` mounts what is served
through /dev/fuse and passes that descriptor over the socket; ``nsholder.py enter PID COMMAND...`` becomes
COMMAND inside that namespace; ``nsholder.py detach DIRECTORY...`` takes away what :func:`attach` mounted
in this one. An ordinary user gets a user namespace as well (user_namespaces(7)), in
which he keeps his own user id, so the server meets the permissions it would meet anywhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
FUSE_DEVICE = "/dev/fuse"
MS_REC, MS_PRIVATE, MS_NOSUID, MS_NODEV = 0x4000, 0x40000, 2, 4
MNT_DETACH, NOFOLLOW = 2, 8
FUSE_KIND = "fuse.patchstorm"

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _unshare() -> None:
    """A mount namespace; with a user namespace where the first alone is not permitted."""
    if _libc.unshare(CLONE_NEWNS) == 0:
        return
    uid, gid = os.getuid(), os.getgid()
    _check(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def hold(directory: str, size: int) -> None:
    """Mount a tmpfs of ``size`` bytes on ``directory`` where nobody outside sees it, and wait."""
    _unshare()
    _check(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate")
    data = f"size={size},mode=0700".encode()
    flags = MS_NOSUID | MS_NODEV
    _check(_libc.mount(b"tmpfs", os.fsencode(directory), b"tmpfs", flags, data), "mount tmpfs")
    os.write(1, b"ready\n")
    sys.stdin.read()


def fuse(directory: str, channel: int) -> None:
    """Mount a FUSE file system on ``directory``, give its descriptor away, and wait.

    A mount of a user namespace takes only a descriptor that was opened in that very namespace.
    """
    _unshare()
    _check(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate")
    device = attach(directory)
    with socket.socket(fileno=channel) as sock:
        socket.send_fds(sock, [b"m"], [device])
    os.close(device)  # whoever serves it is the only one to hold it: with him the mount is dead
    with contextlib.suppress(OSError):
        os.stat(
            directory
        )  # until then the root belongs to user 0, whom a user namespace may not know
    sys.stdin.read()


def attach(directory: str, source: str = "patchstorm") -> int:
    """Mount a FUSE file system on ``directory``, in the namespace of the caller; its descriptor.

    ``source`` is what a table of mounts shows for it.
    """
    device = os.open(FUSE_DEVICE, os.O_RDWR | os.O_CLOEXEC)
    data = (
        f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()},allow_other"
    ).encode()
    kind = FUSE_KIND.encode()
    mounted = _libc.mount(
        os.fsencode(source), os.fsencode(directory), kind, MS_NOSUID | MS_NODEV, data
    )
    try:
        _check(mounted, f"mount {FUSE_KIND}")
    except OSError:
        os.close(device)
        raise
    return device


def detach(directory: str) -> None:
    """Take away what is mounted on ``directory``, whoever uses it; nothing if nothing is."""
    _libc.umount2(os.fsencode(directory), MNT_DETACH | NOFOLLOW)


def join(namespace: int) -> None:
    """Have this thread enter a namespace, by its descriptor."""
    _check(_libc.setns(namespace, 0), "setns")


def enter(holder: int, command: list[str]) -> None:
    """Become ``command`` in the namespaces of ``holder``."""
    directory = os.getcwd()  # to enter a namespace is to go to its root
    same_user = os.readlink(f"/proc/{holder}/ns/user") == os.readlink("/proc/self/ns/user")
    for kind in ("mnt",) if same_user else ("user", "mnt"):
        join(os.open(f"/proc/{holder}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC))
    os.chdir(directory)
    os.execvp(command[0], command)


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        hold(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1] == "fuse":
        fuse(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1] == "detach":
        for path in sys.argv[2:]:
            detach(path)
    else:
        enter(int(sys.argv[2]), sys.argv[3:])
