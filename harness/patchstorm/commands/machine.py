"""What the machine offers, one row each: what is there, what is not, and how to get it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from patchstorm.campaign.cores import cores
from patchstorm.scenario.programs import PROGRAMS, REMEDIES
from patchstorm.worlds.base import Row

ASK_S: Final = 10
WATCHES: Final = Path("/proc/sys/fs/inotify/max_user_instances")


def machine() -> Iterator[Row]:
    """Every row that needs nothing started, the indispensable ones first."""
    yield _python()
    yield _linux()
    yield _inotify()
    yield _program("Node", ("node", "--version"), "runs tus-js-client: " + REMEDIES["node"])
    yield _program("Java", ("java", "--version"), "runs tus-java-client: " + REMEDIES["java"])
    yield _program(
        "Maven",
        ("mvn", "--batch-mode", "--version"),
        "installs tus-java-client: " + REMEDIES["java"],
    )
    yield _program("Go", ("go", "version"), "builds servers written in Go")
    yield _companion()
    yield from _clients()


def _python() -> Row:
    return Row("Python", "yes", f"{platform.python_version()}, {cores()} cores")


def _linux() -> Row:
    if sys.platform != "linux":
        return Row("Linux", "broken", f"this is {sys.platform}; replicas are run on Linux only")
    return Row("Linux", "yes", platform.release())


def _inotify() -> Row:
    from patchstorm.live import inotify

    try:
        os.close(inotify.opened())
    except OSError as error:
        return Row("inotify", "broken", f"{error.strerror}; raise {WATCHES} or end what uses them")
    limit = WATCHES.read_text().strip() if WATCHES.exists() else "unknown"
    return Row("inotify", "yes", f"{limit} instances for each user")


def _companion() -> Row:
    """Redis, or what speaks as it does: several bundled servers share one."""
    what = "Redis"
    for program in ("redis-server", "valkey-server"):
        if shutil.which(program) is not None:
            return _program(what, (program, "--version"), "")
    remedy = "beside servers that share one: `apt-get install redis-server`"
    return Row(
        what, "no", f"neither `redis-server` nor `valkey-server` is installed; runs {remedy}"
    )


def _clients() -> Iterator[Row]:
    """The clients of others that a storm can run."""
    from patchstorm.live.calling import missing

    for name, row in PROGRAMS.items():
        absent = missing(name)
        if absent is None:
            yield Row(name, "yes", row.says)
        else:
            yield Row(name, "no", absent.removeprefix(f"{name} is "))


def _program(what: str, command: tuple[str, ...], purpose: str) -> Row:
    """Whether ``command`` answers; ``purpose`` is what it is for."""
    if shutil.which(command[0]) is None:
        return Row(what, "no", f"`{command[0]}` is not installed; {purpose}")
    try:
        asked = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=ASK_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Row(what, "no", f"`{command[0]}` does not answer: {error}")
    if asked.returncode:
        reason = asked.stderr.strip().rpartition("\n")[2] or f"exit code {asked.returncode}"
        return Row(what, "no", f"`{command[0]}` answers: {reason}")
    return Row(what, "yes", asked.stdout.strip().partition("\n")[0])
