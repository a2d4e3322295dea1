"""Process 1 of a guest: mounts what every Linux needs, loads the NFS modules, starts :mod:`inside`.

Run by the guest's kernel with ``python -I -S``, so only the standard library is to be had; its argument is
the folder in which the kernel's modules are. It speaks first on the serial line (``{"awake": ...}``), reads
one line (``{"environment": {...}, "module": M}``) and starts that module in that environment. When the
module ends, for whatever reason, the guest is powered off: a guest whose harness is gone sees the end of
its line and is gone too.

Nothing is mounted over a directory in which a harness or a server may live: the guest's own files lie
below ``/dev``, which is the guest's anyway, and daemons get ``/run`` and ``/var/lib/nfs``.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import traceback
import tty
from typing import Any

LINE = "/dev/ttyS0"
BASE = "/dev/patchstorm"
ASK_S = 5.0
"""How often a guest asks whether its line has ended. Its kernel was seen to miss that something had come;
whoever writes to a line that has ended is told so."""
MODULES = ("sunrpc", "lockd", "nfs_acl", "nfs", "nfsv3", "nfsv4", "nfsd", "veth")
DAEMONS_WRITE = ("/run", "/var/lib/nfs")
SOURCES = ("passwd", "group", "hosts", "services", "protocols", "rpc", "netgroup")
ETC = {
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "".join(f"{source}: files\n" for source in SOURCES),
    "resolv.conf": "",
}
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
POWER_OFF = 0x4321FEDC

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """mount(2); OSError with the target's name."""
    words = (source, target, kind)
    if _libc.mount(*(os.fsencode(word) for word in words), flags, os.fsencode(data)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def _base() -> None:
    """File systems: /proc, /sys, and memory for whatever is written in this guest."""
    mount("proc", "/proc", "proc")
    mount("sys", "/sys", "sysfs")
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    for directory in DAEMONS_WRITE:
        mount("memory", directory, "tmpfs")
    for directory in (BASE, "/dev/shm", "/dev/pts"):
        os.makedirs(directory, exist_ok=True)
    mount("memory", BASE, "tmpfs")
    mount("memory", "/dev/shm", "tmpfs")
    mount("pts", "/dev/pts", "devpts")
    for name in ("tmp", "shared"):
        os.makedirs(f"{BASE}/{name}")
    os.makedirs("/run/lock")


def _no_name_service() -> None:
    """Daemons look addresses up; without a network each look-up would take many seconds."""
    for name, text in ETC.items():
        own = f"{BASE}/{name}"
        with open(own, "w", encoding="ascii") as file:
            file.write(text)
        real = os.path.realpath(f"/etc/{name}")
        if os.path.isfile(real):
            mount(own, real, "", MS_BIND)


def _load_modules(folder: str) -> None:
    """Those in ``folder``; modprobe(8) wants ``lib/modules`` below its root."""
    release = os.uname().release
    os.makedirs(f"{BASE}/lib/modules")
    os.symlink(f"{folder}/{release}", f"{BASE}/lib/modules/{release}")
    subprocess.run(["modprobe", "-d", BASE, "-a", *MODULES], check=True, stdin=subprocess.DEVNULL)


def _power_off() -> None:
    os.sync()
    _libc.reboot(POWER_OFF)


def first_order(line: int) -> dict[str, Any]:
    """What the harness wants started, which comes in pieces (channel.py).

    Empty lines mean nothing: they come while the harness waits.
    """
    waiting, had = b"", ""
    while True:
        if not select.select([line], [], [], ASK_S)[0]:
            os.write(line, b"\n")  # OSError, and so the end, where nobody is there any more
            continue
        more = os.read(line, 1 << 16)
        if not more:
            _power_off()
        *lines, waiting = (waiting + more).split(b"\n")
        for message in map(json.loads, filter(bytes.strip, lines)):
            had += message["piece"]
            os.write(line, b'{"took":true}\n')
            if not message["more"]:
                order: dict[str, Any] = json.loads(had)
                return order


def _start(order: dict[str, Any]) -> int:
    """Begin the module that was asked for; its process id."""
    command, environment = [sys.executable, "-m", order["module"]], order["environment"]
    child = os.fork()
    if child == 0:
        os.setsid()
        os.execve(command[0], command, environment)
    return child


def main() -> None:
    """Bring the guest up, then reap whatever ends until its purpose has ended."""
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", "")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what Ctrl-Alt-Del would send
    _base()
    line = os.open(LINE, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    try:
        _no_name_service()
        _load_modules(sys.argv[1])
        missing = [name for name in ("ip", "rpc.nfsd") if shutil.which(name) is None]
        if missing:
            raise FileNotFoundError(f"not in the guest's PATH: {', '.join(missing)}")
        os.write(line, json.dumps({"awake": os.uname().release}).encode() + b"\n")
        child = _start(first_order(line))
    except Exception:
        os.write(line, json.dumps({"broken": traceback.format_exc()}).encode() + b"\n")
        raise
    os.close(line)
    while True:
        gone, _ = os.wait()
        if gone == child:
            return


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()  # now: after this there is nobody to print it
    finally:
        _power_off()
