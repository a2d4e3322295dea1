"""The warden: a small process that cleans up after a harness that was killed.

A harness that ends in any orderly way cleans up by itself. One that is killed with SIGKILL cannot,
so the warden, in a session of its own, holds the reading end of a pipe whose other end only the
harness has. It is told of every process group and directory the harness makes and gives up; when
the pipe ends, it kills the groups still noted, runs the commands still noted (for what neither
signals nor file calls remove), then removes the directories still noted.

This file is run by path with ``python -I -S`` and imports only the standard library, so that it is
up within milliseconds. Lines: ``+group PID STARTTIME``, ``-group PID``, ``+dir PATH``, ``-dir PATH``,
``+call NAME JSON-ARGUMENTS``, ``-call NAME``, ``+mark MARK``, ``-mark MARK``.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
import zlib

GRACE_S = 0.05
REMOVE_TRIES = 40
CALL_S_MAX = 120
KILL_TRIES = 500
KILL_POLL_S = 0.002


def start_time(pid: int) -> str | None:
    """When ``pid`` started, in clock ticks since boot (proc(5), field 22 of stat); None if gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return None


def main() -> None:
    """Note what the harness says until it is gone, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, str] = {}
    dirs: set[str] = set()
    calls: dict[str, list[str]] = {}
    marks: set[str] = set()
    for line in sys.stdin:
        verb, _, rest = line.rstrip("\n").partition(" ")
        if verb == "+group":
            pid, _, started = rest.partition(" ")
            groups[int(pid)] = started
        elif verb == "-group":
            groups.pop(int(rest), None)
        elif verb == "+dir":
            dirs.add(rest)
        elif verb == "-dir":
            dirs.discard(rest)
        elif verb == "+call":
            name, _, command = rest.partition(" ")
            calls[name] = json.loads(command)
        elif verb == "-call":
            calls.pop(rest, None)
        elif verb == "+mark":
            marks.add(rest)
        elif verb == "-mark":
            marks.discard(rest)
    _kill(groups)
    for _ in range(2 if marks else 0):  # one that was just being started shows its environment late
        for mark in marks:
            kill_marked(mark)
        time.sleep(GRACE_S)
    _run(calls)
    _remove(dirs)


def kill_marked(mark: str, *, tries: int = KILL_TRIES) -> int:
    """SIGKILL to every process that bears ``mark``, as all children inherit it; how many.

    A process that starts a session of its own, as a daemon does, leaves its group and its parent, but its
    mark stays. It may be starting others meanwhile, so it is looked again until there are none.
    """
    killed: set[int] = set()
    for _ in range(tries):
        found = marked(mark)
        if not found:
            break
        killed |= found
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(KILL_POLL_S)
    return len(killed)


def put_on(pid: int, mark: str) -> None:
    """Give a process that was just started ``mark`` a second time, where no server looks for it.

    Daemons clean their environment, or write their title over it (setproctitle). What all descendants
    inherit as well, and nobody changes, is the time that a process may run under a real-time scheduler:
    none does, and each mark makes some other ten thousand years of it.
    """
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_RTTIME)
        resource.prlimit(pid, resource.RLIMIT_RTTIME, (_time_of(mark), hard))


def _time_of(mark: str) -> int:
    return (1 << 60) + zlib.crc32(mark.encode())


def marked(mark: str) -> set[int]:
    """The processes, zombies aside, with ``mark`` (NAME=VALUE) in their environment or on them (proc(5))."""
    wanted, limit, found = mark.encode() + b"\0", str(_time_of(mark)).encode(), set()
    for name in os.listdir("/proc"):
        if name.isdigit() and (
            wanted in _told(name, "environ")
            or (limit in _told(name, "limits").split() and not _zombie(name))
        ):
            found.add(int(name))
    return found


def _told(pid: str, what: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{what}", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _zombie(pid: str) -> bool:
    return _told(pid, "stat").rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"], [])


def remove_tree(top: str) -> None:
    """Remove ``top`` and all below it; OSError where something stays. No link is followed.

    What servers left may be nested thousands deep, and locked. So the tree is made flat rather than
    descended: directories are moved up into ``top`` and emptied there, with never more than two of them open.
    """
    try:
        root = _unlocked(top, None)
    except FileNotFoundError:
        return
    except NotADirectoryError:  # a link, a file: whatever has taken the name
        os.unlink(top)
        return
    try:
        moved = 0
        while names := os.listdir(root):
            for name in names:
                if _is_dir(name, root):
                    moved = _emptied(name, root, moved)
                    os.rmdir(name, dir_fd=root)
                else:
                    os.unlink(name, dir_fd=root)
    finally:
        os.close(root)
    os.rmdir(top)


def _emptied(name: str, root: int, moved: int) -> int:
    """Take everything out of one directory; the number of those that were ever moved up."""
    inside = _unlocked(name, root)
    try:
        for child in os.listdir(inside):
            if _is_dir(child, inside):
                os.close(_unlocked(child, inside))  # to be moved, it has to be writable itself
                while _there(f".moved-{moved}", root):
                    moved += 1
                os.rename(child, f".moved-{moved}", src_dir_fd=inside, dst_dir_fd=root)
            else:
                os.unlink(child, dir_fd=inside)
    finally:
        os.close(inside)
    return moved


def _unlocked(path: str, above: int | None) -> int:
    """A descriptor of the directory ``path``, made ours to change; NotADirectoryError where it is none."""
    found = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
    try:
        with contextlib.suppress(PermissionError):  # not ours: it may do as it is
            os.chmod(f"/proc/self/fd/{found}", 0o700)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=found)
    finally:
        os.close(found)


def _is_dir(name: str, above: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode)


def _there(name: str, above: int) -> bool:
    try:
        os.stat(name, dir_fd=above, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _kill(groups: dict[int, str]) -> None:
    for pid, started in groups.items():
        now = start_time(pid)
        if now is not None and now != started:
            continue  # the number was given to somebody else
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _run(calls: dict[str, list[str]]) -> None:
    for command in calls.values():
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(command, stdin=subprocess.DEVNULL, check=False, timeout=CALL_S_MAX)


def _remove(dirs: set[str]) -> None:
    """A process that is just dying may still write: try again for a while."""
    for _ in range(REMOVE_TRIES):
        for path in dirs:
            with contextlib.suppress(OSError):
                remove_tree(path)
        if not any(os.path.lexists(path) for path in dirs):
            return
        time.sleep(GRACE_S)


if __name__ == "__main__":
    main()
