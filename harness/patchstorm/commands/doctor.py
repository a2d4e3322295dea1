"""``patchstorm doctor``: what this machine can do, and whether runs repeat.

Nothing is guessed from version numbers where it can be tried: a small tmpfs is mounted, a replica is
started and asked, plans are drawn and storms simulated in more than one process.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from patchstorm.commands.machine import machine
from patchstorm.errors import PatchstormError
from patchstorm.worlds.base import Row

EXIT_BROKEN: Final = 2
_STYLES: Final = {"yes": "green", "no": "yellow", "broken": "bold red"}


def execute() -> int:
    """Print the table; 0, or 2 where something is missing without which no storm can run."""
    rows = [*machine(), *asyncio.run(_tried()), _determinism(), _simulator()]
    _tell(rows)
    return EXIT_BROKEN if any(row.state == "broken" for row in rows) else 0


def _tell(rows: list[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    from patchstorm.report.console import console_on

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", ratio=1)
    for row in rows:
        grid.add_row(Text(row.what), Text(row.state, style=_STYLES[row.state]), Text(row.says))
    console_on(sys.stdout).print(grid)


async def _tried() -> list[Row]:
    from patchstorm.worlds.registry import worlds

    rows = [await _shared_memory(), await _own_disk(), await _reference()]
    for world in worlds():
        rows += [row async for row in world.doctor()]
    return rows


async def _shared_memory() -> Row:
    """Where storms run unless they are told otherwise."""
    from patchstorm.live.storage import opened

    what = "tmpfs"
    try:
        async with opened("tmpfs") as storage:
            if storage.notes:
                return Row(what, "no", "; ".join(storage.notes))
            free_mib = shutil.disk_usage(storage.root).free >> 20
            return Row(what, "yes", f"{storage.root.parents[1]}, {free_mib} MiB free")
    except (PatchstormError, OSError) as error:
        return Row(what, "broken", str(error))


async def _own_disk() -> Row:
    """A tmpfs that may be filled: the mount namespace is really made, and goes again."""
    from patchstorm.live.storage import UnavailableStorage, opened

    what = "disk that can be filled"
    try:
        async with opened("tmpfs", size_bytes=1 << 20) as storage:
            return Row(what, "yes", f"{storage.flavour} in a mount namespace of its own")
    except UnavailableStorage as error:
        return Row(what, "no", str(error))


async def _reference() -> Row:
    """One replica of the reference, started and asked."""
    from patchstorm.dialect.operations import Request
    from patchstorm.dialect.registry import dialect_of
    from patchstorm.history.model import UploadInfo
    from patchstorm.live.fleet import running
    from patchstorm.live.http import Client
    from patchstorm.live.storage import opened
    from patchstorm.target.registry import resolve

    what = "reference server"
    target = resolve("reference")
    nothing = UploadInfo(id="none", size=0, target="none")
    try:
        with tempfile.TemporaryDirectory(prefix="patchstorm-") as logs:
            async with (
                opened("tmpfs") as storage,
                running(target, storage, 1, log_dir=Path(logs)) as fleet,
            ):
                port = fleet.replicas[0].port
                assert port is not None
                head = dialect_of(target.dialect).codec.encode(
                    target.wire, Request(kind="discover", upload="none"), nothing, None
                )
                delivery = await Client(timeout_ms=5_000).deliver(port, head)
    except (PatchstormError, OSError) as error:
        return Row(what, "broken", str(error))
    reply = delivery.reply
    if reply is None or reply.status >= 300:
        answer = delivery.error if reply is None else reply.status
        return Row(what, "broken", f"OPTIONS was answered with {answer}")
    return Row(what, "yes", f"answers; {dialect_of(target.dialect).announced(reply)}")


def _determinism() -> Row:
    """The same seed in two more processes, each with another hash seed."""
    from patchstorm.commands.plans import plans_digest

    what = "determinism"
    digests = {plans_digest()}
    for hash_seed in ("1", "4242"):
        child = subprocess.run(
            [sys.executable, "-m", "patchstorm.commands.plans"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        digests.add(child.stdout.strip() or child.stderr.strip().rpartition("\n")[2])
    if len(digests) > 1:
        said = ", ".join(sorted(one[:60] for one in digests))
        return Row(what, "broken", f"one seed gave different plans: {said}")
    return Row(what, "yes", "one seed gives the same plans in any process")


def _simulator() -> Row:
    """Schedules of one storm here and in two more processes, step by step."""
    from patchstorm.campaign.simulated import check_determinism
    from patchstorm.errors import NondeterminismError

    what = "simulator"
    try:
        count = check_determinism()
    except NondeterminismError as error:
        return Row(what, "broken", str(error))
    return Row(what, "yes", f"{count} schedules repeat bit for bit in other processes")
