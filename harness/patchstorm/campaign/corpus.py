"""Failures that were met before, kept by cause: what is tried first the next time.

Plain files in one directory, named by digests of what they hold, and no data base. A failure's file is
what people send, commit and delete already. The same failure has the same name on every machine, so
directories are merged by copying. Processes that write at the same time, as under pytest-xdist, neither wait
for one another nor lose anything: a name means one content, and rename(2) puts it there whole. (A file of
sqlite merges in no such way, and the example data base of hypothesis keeps bytes that nobody can read.)

``CHECKER-STORM-TARGET-WORLD-CAUSE-DIGEST.json``: a cause is the checker that spoke first and what it said
without ids and numbers, in one storm, target and world. Of one cause few are kept, the newest and the
smallest; of all, those that failed last, which is what the time of a file's last change says.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from patchstorm.campaign.failure import Failure, read_failure, write_failure
from patchstorm.errors import UsageError
from patchstorm.report.causes import alike
from patchstorm.target.registry import is_path

DEFAULT_CORPUS: Final = Path(".patchstorm") / "failures"
ENTRIES_MAX: Final = 200
OF_A_CAUSE_MAX: Final = 3
ENTRY_BYTES_MAX: Final = 1 << 20
RETRIED_MAX: Final = 5
"""So many of one storm in one world are tried before it is run."""

_NAME: Final = re.compile(r"(.+-[0-9a-f]{8})-[0-9a-f]{12}")  # as `name_of` makes them

Where = tuple[str, str]
"""A world, and a storm in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A failure and the file of the corpus that it lies in."""

    path: Path
    failure: Failure


@dataclass(frozen=True, slots=True)
class Corpus:
    """The failures below ``folder``, which is made when there is one to keep."""

    folder: Path

    def files(self) -> list[Path]:
        """The files of all entries, in order of name."""
        return sorted(self.folder.glob("*.json"))

    def entries(self) -> Iterator[Entry]:
        """All that this release can read, in order of name."""
        for path in self.files():
            with contextlib.suppress(UsageError):  # `patchstorm replay` names those that it cannot
                yield Entry(path=path, failure=read_failure(path))

    def before(
        self, target: str, *, storage: str | None = None, replicas: int | None = None
    ) -> dict[Where, tuple[Path, ...]]:
        """What was found in ``target``, the smallest first; None: on any storage, of any size."""
        aim = whole_name(target)
        found: dict[Where, list[Path]] = {}
        for entry in self.entries():
            one = entry.failure
            if (
                not one.own
                and whole_name(one.target) == aim
                and storage in (None, one.plan.storage)
                and replicas in (None, one.plan.replicas)
            ):
                found.setdefault((one.world, one.scenario), []).append(entry.path)
        return {
            where: tuple(sorted(paths, key=_size)[:RETRIED_MAX]) for where, paths in found.items()
        }

    def keep(self, failure: Failure) -> Path | None:
        """Put ``failure`` in, or note that it failed again; None if it is too large to be kept.

        OSError where the directory cannot be written to.
        """
        slim = msgspec.structs.replace(failure, history=None)
        path = self.folder / name_of(slim, self.folder)
        if path.exists():
            os.utime(path)
            return path
        if not put(path, slim):
            return None
        self._bound(path)
        return path

    def _bound(self, newest: Path) -> None:
        """Remove what is too much: of the cause of ``newest`` the largest others, of all the oldest."""
        same = [path for path in self._others(newest) if cause_of(path) == cause_of(newest)]
        _remove(same, keep=OF_A_CAUSE_MAX - 1, key=_size)
        _remove(self._others(newest), keep=ENTRIES_MAX - 1, key=lambda path: -path.stat().st_mtime)

    def _others(self, newest: Path) -> list[Path]:
        return [path for path in self.files() if path != newest]


def put(path: Path, failure: Failure) -> bool:
    """Have ``failure`` lie at ``path``, whole or not at all; False where it is too large to be kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_failure(new, failure, called=path.name)
        if new.stat().st_size > ENTRY_BYTES_MAX:
            return False
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return True


def name_of(failure: Failure, folder: Path) -> str:
    """The name of an entry: the same for the same failure, wherever and by whichever release it was found."""
    first = failure.findings[0]
    target = failure.target
    if not failure.own and is_path(target):
        target = Path(os.path.relpath(target, folder)).as_posix()
    said = alike(first.summary)
    cause = (failure.world, failure.scenario, target, first.checker, said)
    schedule = failure.schedule
    if schedule is not None:
        schedule = msgspec.structs.replace(schedule, digest=None)
    words = (first.checker, failure.scenario, Path(target).name, failure.world)
    readable = re.sub(r"[^A-Za-z0-9._]+", "-", "-".join(words)).strip("-.")[:120]
    return f"{readable}-{_digest(cause, 8)}-{_digest((cause, failure.plan, schedule), 12)}.json"


def _digest(what: object, length: int) -> str:
    return sha256(msgspec.json.encode(what, order="deterministic")).hexdigest()[:length]


def cause_of(path: Path) -> str:
    """What the names of all entries of one cause begin with; a name that people gave is a cause by itself."""
    named = _NAME.fullmatch(path.stem)
    return path.stem if named is None else named[1]


def whole_name(target: str) -> str:
    """A target's name, or the path of its file as it is from everywhere, variant included."""
    base, colon, variant = target.partition(":")
    return f"{Path(base).resolve()}{colon}{variant}" if is_path(target) else target


def _size(path: Path) -> tuple[int, str]:
    try:
        return path.stat().st_size, path.name
    except FileNotFoundError:
        return 0, path.name


def _remove(paths: list[Path], *, keep: int, key: Callable[[Path], object]) -> None:
    """Remove all but the first ``keep`` of ``paths`` by ``key``. Others may do so at the same time."""
    with contextlib.suppress(FileNotFoundError):
        for path in sorted(paths, key=key)[keep:]:  # type: ignore[arg-type]
            path.unlink(missing_ok=True)
