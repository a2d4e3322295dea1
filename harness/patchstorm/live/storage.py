"""The shared directory of one storm: fresh, on tmpfs where there is one, gone afterwards.

A storage has two names. ``root`` is what the replicas are told; ``view`` is the same directory as
the harness reads it. They differ only for a small tmpfs in a mount namespace of its own, which is
how a disk is made that can be filled without filling anybody's.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from patchstorm.errors import InconclusiveError, UsageError
from patchstorm.live import nsholder
from patchstorm.live.beneath import no_link
from patchstorm.live.guard import guard
from patchstorm.live.host import Host, ThisHost
from patchstorm.live.warden import remove_tree
from patchstorm.scenario.units import parse_size

SHARED_MEMORY = Path("/dev/shm")
PREFIX = "patchstorm-"
FILL_BLOCK = b"\xa5" * 65_536
REMOVE_TRIES = 100
REMOVE_POLL_S = 0.02


class UnavailableStorage(InconclusiveError):
    """This machine cannot provide the storage; the storm is skipped with this reason."""


@dataclass(slots=True, kw_only=True)
class Storage:
    """One storm's directory. ``flavour`` says what it is on, ``notes`` what it is not.

    ``scratch`` is a directory for what the replicas do not share, on no size-limited disk. ``entry`` stands
    before a command that is to run where ``root`` is visible, unless there are ``hosts``, which know that
    themselves. ``fillable`` is the path of a file that may grow until the disk is full; None where that
    would hurt others. Where it is not ``dated``, a file's time stamps may change though nobody changes the
    file.
    """

    root: Path
    view: Path
    scratch: Path
    flavour: str
    notes: tuple[str, ...] = ()
    entry: tuple[str, ...] = ()
    hosts: Sequence[Host] = ()
    fillable: Path | None = None
    dated: bool = True
    _holder: subprocess.Popen[str] | None = field(default=None, repr=False)

    def host(self, replica: int) -> Host:
        """Where ``replica`` runs."""
        return self.hosts[replica % len(self.hosts)] if self.hosts else ThisHost(self.entry)

    def fill(self, *, leave_bytes: int = 0) -> int:
        """Grow the fill file until the disk is full but for ``leave_bytes``; returns its size."""
        if self.fillable is None:
            raise UnavailableStorage(
                "this storage cannot be filled without filling what others use; give the scenario "
                "a tmpfs with a size, as in `tmpfs,size=16MiB`"
            )
        with open(self.fillable, "ab", buffering=0, opener=no_link) as file:
            _fill(file.fileno())
            size = file.tell()
            if leave_bytes:
                file.truncate(max(0, size - leave_bytes))
                size = max(0, size - leave_bytes)
        return size

    def free(self) -> None:
        """Give back what :meth:`fill` took; nothing if it took nothing."""
        if self.fillable is not None:
            self.fillable.unlink(missing_ok=True)


def _fill(descriptor: int) -> None:
    block = FILL_BLOCK
    while block:
        try:
            os.write(descriptor, block)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            block = block[: len(block) // 2]


def parse_storage(spec: str) -> tuple[str, int | None]:
    """``tmpfs``, ``tmpfs,size=16MiB`` or ``dir:PATH`` as the arguments of :func:`opened`."""
    if spec.startswith("dir:"):
        return spec, None
    kind, *options = spec.split(",")
    size_bytes = None
    for option in options:
        name, _, value = option.partition("=")
        if name != "size":
            raise UsageError(f"storage `{spec}`: unknown option `{name}`: a tmpfs knows `size`")
        try:
            size_bytes = parse_size(value)
        except ValueError as error:
            raise UsageError(f"storage `{spec}`: {error}") from None
    return kind, size_bytes


@contextlib.asynccontextmanager
async def opened(
    spec: str = "tmpfs", *, size_bytes: int | None = None, keep: bool = False
) -> AsyncIterator[Storage]:
    """A storage for one storm, removed afterwards whatever happens.

    ``spec`` is ``tmpfs`` or ``dir:PATH``; ``size_bytes`` asks for a tmpfs of that size of its own.
    ``keep`` leaves the files behind. Raises UsageError for a directory that cannot be used and
    UnavailableStorage for what this machine cannot do.
    """
    if spec.startswith("dir:"):
        base, flavour = _user_directory(Path(spec.removeprefix("dir:"))), spec
        notes: tuple[str, ...] = ()
    elif spec == "tmpfs":
        base, flavour, notes = _memory()
    else:
        raise UnavailableStorage(
            f"storage `{spec}` is not one that server processes can share on this machine; "
            "use `tmpfs` or `dir:PATH`, or another world (`--world sim`)"
        )
    top = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base)).resolve()
    guard.adopt_dir(top)
    storage: Storage | None = None
    try:
        storage = await _made(top, flavour, notes, size_bytes)
        yield storage
    finally:
        if storage is not None and storage._holder is not None:
            _dismiss(storage._holder)
        if not keep:
            remove(top)
        guard.release_dir(top)


async def _made(top: Path, flavour: str, notes: tuple[str, ...], size_bytes: int | None) -> Storage:
    root, scratch = top / "root", top / "scratch"
    root.mkdir()
    scratch.mkdir()
    if size_bytes is None:
        return Storage(root=root, view=root, scratch=scratch, flavour=flavour, notes=notes)
    if flavour.startswith("dir:"):
        raise UnavailableStorage(f"`{flavour}` is a real directory: it cannot be given a size")
    return await _small(root, scratch, size_bytes)


async def _small(mount: Path, scratch: Path, size_bytes: int) -> Storage:
    """A tmpfs of its own on ``mount``, in a mount namespace held by a child."""
    command = [sys.executable, "-I", "-S", nsholder.__file__]
    holder = subprocess.Popen(
        [*command, "hold", str(mount), str(size_bytes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    guard.adopt_group(holder.pid)
    try:
        assert holder.stdout is not None and holder.stderr is not None
        line = await asyncio.to_thread(holder.stdout.readline)
        if line != "ready\n":
            reason = holder.stderr.read().strip().rpartition("\n")[2]
            raise UnavailableStorage(
                f"a tmpfs of its own cannot be mounted here ({reason}); storms that fill the disk "
                "need root or unprivileged user namespaces"
            )
    except BaseException:
        _dismiss(holder)
        raise
    view = Path(f"/proc/{holder.pid}/root{mount}")
    (view / "root").mkdir()
    return Storage(
        root=mount / "root",
        view=view / "root",
        scratch=scratch,
        flavour=f"tmpfs,size={size_bytes}",
        entry=(*command, "enter", str(holder.pid)),
        fillable=view / "fill",
        _holder=holder,
    )


def _dismiss(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    for pipe in (holder.stdin, holder.stdout, holder.stderr):
        if pipe is not None:
            pipe.close()
    guard.release_group(holder.pid)


def _user_directory(path: Path) -> Path:
    """The directory, if it is there and files can be made in it: really tried, not guessed."""
    try:
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=path):
            return path
    except OSError as error:
        raise UsageError(
            f"--storage dir:{path}: cannot be written ({error.strerror}). "
            "Give a directory that exists and that you may write to."
        ) from None


def _memory() -> tuple[Path, str, tuple[str, ...]]:
    if _is_tmpfs(SHARED_MEMORY) and os.access(SHARED_MEMORY, os.W_OK | os.X_OK):
        return SHARED_MEMORY, "tmpfs", ()
    base = Path(tempfile.gettempdir())
    note = f"{SHARED_MEMORY} is no writable tmpfs: the storm ran in {base} instead"
    return base, "tmpfs", (note,)


@cache
def _is_tmpfs(path: Path) -> bool:
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
    except OSError:
        return False
    kinds = {fields[1]: fields[2] for line in mounts.splitlines() if (fields := line.split())}
    return kinds.get(str(path)) == "tmpfs"


def remove(top: Path, *, tries: int = REMOVE_TRIES) -> None:
    """Remove ``top`` and all below it, locked directories included; no link is followed.

    A server that is just dying may still write, so it is tried again for a while; what then stays
    is an error that names it.
    """
    for attempt in range(tries):
        with contextlib.suppress(OSError):
            remove_tree(str(top))
        if not os.path.lexists(top):
            return
        if attempt:
            time.sleep(REMOVE_POLL_S)
    raise OSError(errno.ENOTEMPTY, "could not be removed after the storm", str(top))
