"""Tasks that leave files, done by workers whose disks are not this machine's: the files come home.

A worker writes below a temporary directory of its own. What lies there when it is done travels back with
the result, and is written below the directory that was asked for, as if the task had been done here.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, TypeVar

import msgspec

from patchstorm.campaign.crew import outcomes
from patchstorm.campaign.failure import FAILURE_FILE
from patchstorm.target.registry import is_path


class Errand(Protocol):
    """A task that is plain data, a dataclass. ``run`` writes below ``out_dir`` alone."""

    @property
    def out_dir(self) -> Path: ...

    def run(self) -> Any: ...


Task = TypeVar("Task", bound=Errand)
Place = TypeVar("Place")


@dataclass(frozen=True, slots=True)
class _Home:
    """What came of an errand, and what it left. ``folder`` is where it was done."""

    outcome: Any
    folder: str
    files: tuple[tuple[str, bytes], ...]


def errands(
    tasks: Iterator[tuple[Place, Task]], jobs: int, cluster: str | None
) -> Iterator[tuple[Place, Any]]:
    """What came of each, with whose it was, in the order in which they end; as :func:`outcomes`."""
    if cluster is None:
        for (place, _), outcome in outcomes(_here, tasks, jobs):
            yield place, outcome
        return
    for (place, task), home in outcomes(_away, tasks, jobs, cluster):
        yield place, _unpacked(home, task.out_dir)


def _here(task: tuple[Any, Errand]) -> Any:
    return task[1].run()


def _away(task: tuple[Any, Any]) -> _Home:
    """In a worker of a cluster."""
    with tempfile.TemporaryDirectory(prefix="patchstorm-") as folder:
        root = Path(folder)
        outcome = replace(task[1], out_dir=root).run()
        files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
        packed = tuple((str(path.relative_to(root)), path.read_bytes()) for path in files)
    return _Home(outcome, folder, packed)


def _unpacked(home: _Home, out_dir: Path) -> Any:
    """Write what came, and name it by where it lies now."""
    for name, left in home.files:
        path, data = out_dir / name, left
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name == FAILURE_FILE:
            data = _seen_from(left, PurePosixPath(home.folder, name).parent, path.parent)
        path.write_bytes(data)
    if not home.files:
        return home.outcome
    there, here = (msgspec.json.encode(str(one))[1:-1] for one in (home.folder, out_dir))
    told = msgspec.json.encode(home.outcome).replace(there, here)
    return msgspec.json.decode(told, type=type(home.outcome))


def _seen_from(data: bytes, there: PurePosixPath, here: Path) -> bytes:
    """A failure's text, its target's file named by the way from ``here`` instead of from ``there``."""
    failure = msgspec.json.decode(data)
    target = failure["target"]
    if failure.get("own") or not is_path(target):
        return data
    whole = os.path.normpath(there / target)
    failure["target"] = f"./{os.path.relpath(whole, here)}"
    return msgspec.json.format(msgspec.json.encode(failure), indent=2) + b"\n"
