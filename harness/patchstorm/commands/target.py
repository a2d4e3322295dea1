"""``patchstorm target new``, ``check`` and ``install``: put a server under test."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from patchstorm.errors import TargetError, UsageError
from patchstorm.target.model import Target

if TYPE_CHECKING:
    from patchstorm.dialect.probed import Checked

SUFFIX: Final = ".toml"
DEFAULT_NAME: Final = "my-server"
BROKEN: Final = 1
_WORDS: Final = {True: "yes", False: "no", None: "?"}
_ANNOUNCED: Final = {True: "yes", False: "no", None: ""}


def new(name: str) -> int:
    """Write a skeleton; UsageError where the file is there already."""
    from patchstorm.target.skeleton import skeleton

    path = Path(name if name.endswith(SUFFIX) else name + SUFFIX)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(skeleton(path.stem, str(path)))
    except FileExistsError:
        raise UsageError(f"{path}: is there already. Give another name.") from None
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror}). Give a name in a directory that exists."
        ) from None
    sys.stdout.write(
        f"wrote {path}: set start.command and wire.path in it, then\n"
        f"  patchstorm target check {path}\n"
    )
    return 0


def check(name: str, *, json: bool, keep: bool) -> int:
    """Probe a target, tell what was found, and correct its file unless ``keep``.

    0, or 1 where something is announced that is not done. UsageError for a wrong file, TargetError
    with the server's last words where it does not start.
    """
    from patchstorm.probe.run import check as probe
    from patchstorm.target.installing import not_installed
    from patchstorm.target.registry import resolve

    target = resolve(name)
    missing = not_installed(target)
    if missing is not None:
        raise UsageError(f"target {target.name}: {missing}")
    with _logs() as logs:
        checked = asyncio.run(probe(target, logs))
    right = checked.capabilities(target.capabilities)
    written = False if keep else _write(name, target, right)
    if json:
        _tell_json(target, checked, right, written)
    else:
        _tell(target, checked, right, written)
    return BROKEN if checked.broken_promises else 0


@contextmanager
def _logs() -> Iterator[Path]:
    """A directory for what servers say. It stays where one failed: the error names a file in it."""
    logs = Path(tempfile.mkdtemp(prefix="patchstorm-"))
    keep = False
    try:
        yield logs
    except TargetError:
        keep = any(logs.rglob("*.log"))
        raise
    finally:
        if not keep:
            shutil.rmtree(logs, ignore_errors=True)


def _write(name: str, target: Target, right: tuple[str, ...]) -> bool:
    """Correct the file that ``name`` is the path of; a bundled target is left alone."""
    from patchstorm.target.editing import correct

    base, _, variant = name.partition(":")
    if not base.endswith(SUFFIX) or set(right) == set(target.capabilities):
        return False
    correct(Path(base), right, variant)
    return True


def _tell_json(target: Target, checked: Checked, right: tuple[str, ...], written: bool) -> None:
    import msgspec

    told = {
        "target": target.name,
        "announced": checked.announced,
        "probed": checked.probed,
        "declared": target.capabilities,
        "capabilities": right,
        "contradictions": checked.contradictions,
        "remarks": checked.remarks,
        "written": written,
    }
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")


def _tell(target: Target, checked: Checked, right: tuple[str, ...], written: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from patchstorm.report.console import console_on

    console = console_on(sys.stdout)
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("capability", "declared", "announced", "does"):
        grid.add_column(heading, no_wrap=True)
    grid.add_column("what was seen", overflow="fold", ratio=1)
    for one in checked.probed:
        grid.add_row(
            one.capability,
            _WORDS[one.capability in target.capabilities],
            _ANNOUNCED[checked.announced.about(one.capability)],
            _WORDS[one.does],
            Text(one.says),
        )
    console.print(grid)
    if checked.announced.silent:
        console.print(Text(f"announces nothing: {checked.announced.silent}"))
    for title, lines in (
        ("contradictions", checked.contradictions),
        ("to correct in the file", checked.remarks),
    ):
        for line in lines:
            console.print(Text(f"{title}: {line}"), soft_wrap=True)
    console.print(Text(_conclusion(target, right, written)), soft_wrap=True)


def _conclusion(target: Target, right: tuple[str, ...], written: bool) -> str:
    added = [name for name in right if name not in target.capabilities]
    removed = [name for name in target.capabilities if name not in right]
    if not added and not removed:
        return "the capabilities that are declared are right"
    changes = [f"+{name}" for name in added] + [f"-{name}" for name in removed]
    verb = "corrected capabilities" if written else "capabilities should be corrected"
    return f"{verb}: {' '.join(changes)}"


def install(names: list[str], *, folder: Path | None) -> int:
    """Install each target called so, one after the other."""
    from patchstorm.target.installing import VARIABLE, servers_dir
    from patchstorm.target.installing import install as put
    from patchstorm.target.registry import resolve

    for name in names:
        target = resolve(name)
        sys.stderr.write(f"{target.name}: installing into {folder or servers_dir()} ...\n")
        place, done = put(target, folder)
        said = "installed" if done else "was installed already"
        sys.stdout.write(f"{target.name} {target.version}: {said} in {place}\n")
    if folder is not None and folder != servers_dir():
        sys.stdout.write(f"set {VARIABLE}={folder.resolve()} to have it found there\n")
    return 0
