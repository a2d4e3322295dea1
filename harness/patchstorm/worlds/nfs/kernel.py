"""Fetches a newer guest kernel: ``python -m patchstorm.worlds.nfs.kernel DIR``, then ``PATCHSTORM_UML=DIR``.

Debian 12's User-Mode Linux (6.1) cannot run on processors with AMX, whose registers do not fit into what it
saves; Debian's development branch has one that asks the processor how many there are. The program wants that
branch's C library, too. Both are unpacked below DIR and used from there: the machine's own files are neither
touched nor asked.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from patchstorm.errors import UsageError

MIRROR: Final = "https://deb.debian.org/debian"
MIRROR_VARIABLE: Final = "PATCHSTORM_DEBIAN"
"""Names another mirror, as in ``https://mirror.example/debian``."""
INDEX: Final = "dists/sid/main/binary-amd64/Packages.xz"
KERNEL: Final = "user-mode-linux"
LIBRARY: Final = "libc6"
WAIT_S: Final = 60
LAUNCHER: Final = "linux.uml"
MODULES: Final = "modules"
_PROGRAM: Final = "kernel.elf"
_LOADER: Final = "ld-linux-x86-64.so.2"
_SCRIPT: Final = '#!/bin/sh\nLD_LIBRARY_PATH="{folder}/lib" exec "{folder}/{program}" "$@"\n'
_HEADERS_AT, _HEADER_SIZE_AT, _HEADERS_COUNT_AT = 32, 54, 56
_INTERPRETER: Final = 3  # PT_INTERP, elf(5)
_LEAST_BYTES: Final = 64


class Unusable(UsageError):
    """The packages could not be had, or are not what was expected."""


def fetch(folder: Path, mirror: str = MIRROR) -> str:
    """Put kernel, modules and C library below ``folder``; the kernel's version.

    What an earlier call left is replaced, and only when all of the new is there. Raises Unusable.
    """
    folder = folder.absolute()
    if platform_of() != "x86_64":
        raise Unusable(f"the guest kernel is for x86_64, and this machine is {platform_of()}")
    if not shutil.which("dpkg-deb"):
        raise Unusable("unpacking a guest kernel takes dpkg-deb: apt-get install dpkg")
    if folder.exists() and any(folder.iterdir()) and not (folder / LAUNCHER).exists():
        raise Unusable(f"{folder} holds other things; name a new or empty directory")
    folder.parent.mkdir(parents=True, exist_ok=True)
    packages = _packages(mirror)
    with tempfile.TemporaryDirectory(prefix="patchstorm-uml-", dir=folder.parent) as name:
        work, made = Path(name), Path(name, "made")
        kernel = _unpacked(mirror, packages[KERNEL], work / "kernel")
        library = _unpacked(mirror, packages[LIBRARY], work / "library")
        made.mkdir(mode=0o755)
        shutil.move(_only(kernel, "usr/lib/uml/modules"), made / MODULES)
        (made / "lib").mkdir()
        for file in ("libc.so.6", _LOADER):
            shutil.copy(_only(library, f"usr/lib/x86_64-linux-gnu/{file}"), made / "lib" / file)
        program = _only(kernel, "usr/bin/linux.uml").read_bytes()
        (made / _PROGRAM).write_bytes(with_interpreter(program, folder / "lib" / _LOADER))
        (made / LAUNCHER).write_text(_SCRIPT.format(folder=folder, program=_PROGRAM))
        for file in (_PROGRAM, LAUNCHER, f"lib/{_LOADER}"):
            (made / file).chmod(0o755)
        if folder.exists():
            folder.replace(work / "old")
        made.replace(folder)
    return packages[KERNEL]["Version"]


def platform_of() -> str:
    """The machine's kind of processor."""
    return os.uname().machine


def with_interpreter(program: bytes, loader: Path) -> bytes:
    """An ELF ``program`` that the kernel starts with ``loader``, whatever the length of its path.

    The path is put behind everything else, where only the kernel looks for it (execve(2)). The dynamic
    loader reads the old one, which stays in its place, and does nothing but name itself by it.
    """
    if program[:5] != b"\x7fELF\x02" or len(program) < _LEAST_BYTES:
        raise Unusable("the guest kernel is not a 64-bit ELF program")
    path = os.fsencode(loader) + b"\0"
    changed = bytearray(program)
    for at in _headers(program):
        if struct.unpack_from("<I", program, at)[0] == _INTERPRETER:
            struct.pack_into("<Q", changed, at + 8, len(program))  # p_offset
            struct.pack_into("<Q", changed, at + 32, len(path))  # p_filesz
            return bytes(changed + path)
    raise Unusable("the guest kernel names no dynamic loader")


def _headers(program: bytes) -> Iterator[int]:
    (start,) = struct.unpack_from("<Q", program, _HEADERS_AT)
    (size,) = struct.unpack_from("<H", program, _HEADER_SIZE_AT)
    (count,) = struct.unpack_from("<H", program, _HEADERS_COUNT_AT)
    return iter(range(start, start + size * count, size))


def _packages(mirror: str) -> dict[str, dict[str, str]]:
    """What the index says of the two packages."""
    text = lzma.decompress(_got(f"{mirror}/{INDEX}")).decode()
    found = {}
    for stanza in text.split("\n\n"):
        name = stanza.partition("\n")[0].removeprefix("Package: ")
        if name in (KERNEL, LIBRARY):
            lines = [line for line in stanza.splitlines() if not line.startswith(" ")]
            found[name] = dict(line.split(": ", 1) for line in lines if ": " in line)
    missing = {KERNEL, LIBRARY} - found.keys()
    if missing:
        raise Unusable(f"{mirror}/{INDEX} has no {' and no '.join(sorted(missing))}")
    return found


def _unpacked(mirror: str, package: dict[str, str], folder: Path) -> Path:
    """A package's files, after its sum was compared with the index's."""
    url = f"{mirror}/{package['Filename']}"
    data = _got(url)
    if hashlib.sha256(data).hexdigest() != package["SHA256"]:
        raise Unusable(f"{url} is not what the index says it is; try again, or another mirror")
    deb = folder.with_suffix(".deb")
    deb.write_bytes(data)
    done = subprocess.run(
        ["dpkg-deb", "-x", str(deb), str(folder)], stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise Unusable(f"dpkg-deb could not unpack {url} (see above)")
    deb.unlink()
    return folder


def _only(folder: Path, path: str) -> Path:
    found = folder / path
    if not found.exists():
        raise Unusable(
            f"the package has no {path} any more; this version of Patchstorm is too old for it"
        )
    return found


def _got(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
            data: bytes = answer.read()
            return data
    except (urllib.error.URLError, OSError) as error:
        raise Unusable(
            f"{url} cannot be had ({error}); check the network, or name a mirror in {MIRROR_VARIABLE}"
        ) from None


def main() -> int:
    """The exit code: 0, or 2 when there is no kernel."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.stderr.write("usage: python -m patchstorm.worlds.nfs.kernel DIR\n")
        return 2
    folder = Path(sys.argv[1]).absolute()
    try:
        version = fetch(folder, os.environ.get(MIRROR_VARIABLE) or MIRROR)
    except (Unusable, OSError) as error:
        sys.stderr.write(f"patchstorm: {error}\n")
        return 2
    sys.stdout.write(
        f"User-Mode Linux {version} is in {folder}; use it with\nexport PATCHSTORM_UML={folder}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
