"""Whether this machine can run a guest, and what to install where it cannot."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from patchstorm.live.storage import UnavailableStorage
from patchstorm.worlds.nfs.init import DAEMONS_WRITE
from patchstorm.worlds.nfs.kernel import LAUNCHER, MODULES

KERNELS: Final = ("linux.uml", "linux")
MODULE_ROOTS: Final = ("/usr/lib/uml/modules", "/lib/modules")
PROGRAMS: Final = {
    "modprobe": "kmod",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "rpcbind": "rpcbind",
    "mount.nfs": "nfs-common",
    "rpc.statd": "nfs-common",
    "sm-notify": "nfs-common",
    "exportfs": "nfs-kernel-server",
    "nfsdcld": "nfs-kernel-server",
    "rpc.mountd": "nfs-kernel-server",
    "rpc.nfsd": "nfs-kernel-server",
}
"""What runs inside, by the Debian package it comes from."""
SBIN: Final = ("/usr/sbin", "/sbin", "/usr/local/sbin")
MEMORY_PLACES: Final = ("/dev/shm", "/tmp", "/var/tmp")
MEMORY_VARIABLE: Final = "PATCHSTORM_GUEST_MEMORY"
"""Names a directory for the guests' memory and disks instead."""
KERNEL_VARIABLE: Final = "PATCHSTORM_UML"
"""Names a directory with a kernel and its modules, as :mod:`kernel` makes it, to be used instead."""
REMEDY: Final = (
    "`python -m patchstorm.worlds.nfs.kernel DIR` fetches a newer one that can, and PATCHSTORM_UML=DIR "
    "has it used"
)
ASK_S: Final = 10
TRIAL_MIB: Final = 64
REGISTERS: Final = b"ptrace set fp regs failed"
"""What a guest says with its last breath where it cannot restore the registers of a process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a guest is made of: ``modules`` has a folder called ``release``.

    ``memory_dir`` takes the file that is the guest's memory.
    """

    kernel: str
    release: str
    modules: str
    memory_dir: Path


def search_path() -> str:
    """PATH with the directories in which daemons live, which an ordinary user's may lack."""
    return os.pathsep.join(dict.fromkeys((*os.get_exec_path(), *SBIN)))


def find_machine(memory_mib: int) -> Machine:
    """What this machine offers; UnavailableStorage that says what to install where it falls short."""
    kernel = _kernel()
    packages = [] if kernel else ["user-mode-linux"]
    packages += [package for program, package in PROGRAMS.items() if not _which(program)]
    if packages or kernel is None:
        wanted = " ".join(dict.fromkeys(packages))
        raise UnavailableStorage(
            f"the world nfs needs packages that are not installed: apt-get install {wanted}"
        )
    release = _release(kernel)
    modules = _modules(kernel, release)
    for directory in DAEMONS_WRITE:
        if not Path(directory).is_dir():
            raise UnavailableStorage(f"{directory} is missing; reinstall the package nfs-common")
    memory_dir = _memory_dir(memory_mib)
    reason = _cannot_boot(kernel, memory_dir)
    if reason is not None:
        raise UnavailableStorage(reason)
    return Machine(kernel=kernel, release=release, modules=modules, memory_dir=memory_dir)


_TRIED: Final = f'trap : PIPE; folder=$1; shift; timeout -k 1 {ASK_S} "$@"; rm -rf -- "$folder"'
"""A shell that outlives a harness which is killed: the guest ends by itself, and its folder goes.

It says of what its child died, to a pipe that nobody reads by then, and that must not end it.
"""


@lru_cache(maxsize=4)
def _cannot_boot(kernel: str, memory_dir: Path) -> str | None:
    """Why no process can run in a guest here; None where one can. Found out by starting the smallest guest.

    ptrace(2) refuses to restore registers of which it is given less than the processor has, and the kernel
    saves a number of bytes that was fixed when it was built: the tiles of AMX do not fit in.
    """
    with tempfile.TemporaryDirectory(
        prefix="patchstorm-", dir=memory_dir, ignore_cleanup_errors=True
    ) as folder:
        command = [
            "/bin/sh", "-c", _TRIED, "sh", folder,
            kernel, f"mem={TRIAL_MIB}M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
            f"uml_dir={folder}", "umid=trial", "con0=null,fd:1", "con=null", "ssl=null", "quiet",
            "panic=-1", "init=/bin/true",
        ]  # fmt: skip
        path = os.pathsep.join((search_path(), os.defpath))
        environment = {"PATH": path, "TMPDIR": str(memory_dir), "HOME": "/"}
        try:
            tried = subprocess.run(
                command, env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, check=False, timeout=2 * ASK_S, start_new_session=True,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return None  # whatever is wrong, it is told when a guest is booted
    if REGISTERS not in tried.stdout:
        return None
    return (
        f"User-Mode Linux ({kernel}) cannot run on this processor: it saves fewer registers than there are "
        f"(ptrace: set fp regs failed), as on processors with AMX; {REMEDY}"
    )


def _which(program: str) -> str | None:
    return shutil.which(program, path=search_path())


def _kernel() -> str | None:
    own = os.environ.get(KERNEL_VARIABLE)
    if own is None:
        return next((found for name in KERNELS if (found := _which(name))), None)
    kernel = Path(own).absolute() / LAUNCHER
    if not os.access(kernel, os.X_OK):
        raise UnavailableStorage(
            f"{KERNEL_VARIABLE}={own}: there is no {LAUNCHER} that could be run; "
            f"`python -m patchstorm.worlds.nfs.kernel {own or 'DIR'}` puts one there"
        )
    return str(kernel)


def _modules(kernel: str, release: str) -> str:
    """Beside a kernel of one's own, else where Debian has them."""
    own = os.environ.get(KERNEL_VARIABLE)
    roots = MODULE_ROOTS if own is None else (str(Path(own).absolute() / MODULES),)
    found = next((root for root in roots if Path(root, release).is_dir()), None)
    if found is None:
        remedy = (
            "reinstall the package user-mode-linux" if own is None else f"fetch it again: {REMEDY}"
        )
        raise UnavailableStorage(
            f"{kernel} is Linux {release}, and its modules are in none of {', '.join(roots)}; {remedy}"
        )
    return found


def _release(kernel: str) -> str:
    """What ``linux --version`` prints, such as 6.1.176."""
    try:
        asked = subprocess.run(
            [kernel, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=ASK_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableStorage(f"`{kernel} --version` does not answer: {error}") from None
    release = asked.stdout.strip()
    if asked.returncode or not release[:1].isdigit():
        raise UnavailableStorage(
            f"`{kernel}` is not User-Mode Linux: `--version` gave {release!r}; "
            "install the package user-mode-linux"
        )
    return release


def _memory_dir(memory_mib: int) -> Path:
    """The first place with room from which memory can be mapped and executed (not noexec)."""
    own = os.environ.get(MEMORY_VARIABLE)
    places = dict.fromkeys((own,) if own else (*MEMORY_PLACES, tempfile.gettempdir()))
    for place in map(Path, places):
        try:
            free_mib = shutil.disk_usage(place).free >> 20
            if free_mib >= memory_mib and _maps_executable(place):
                return place
        except OSError:
            continue
    raise UnavailableStorage(
        f"the world nfs needs {memory_mib} MiB in one of {', '.join(places)}, mounted without noexec"
    )


def _maps_executable(place: Path) -> bool:
    with tempfile.TemporaryFile(dir=place) as file:
        file.truncate(mmap.PAGESIZE)
        try:
            mmap.mmap(file.fileno(), mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()
        except PermissionError:
            return False
    return True
