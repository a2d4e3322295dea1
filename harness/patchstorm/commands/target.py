"""``patchstorm target new``, ``check`` and ``install``: put a server under test."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from json import dumps as json_of
from pathlib import Path
from typing import TYPE_CHECKING, Final

from patchstorm.errors import TargetError, UsageError
from patchstorm.legible import legible_line
from patchstorm.target.model import Target

if TYPE_CHECKING:
    from rich.console import RenderableType

    from patchstorm.commands.simulable import Simulable
    from patchstorm.dialect.probed import Checked, Proposal

SUFFIX: Final = ".toml"
DEFAULT_NAME: Final = "my-server"
BROKEN: Final = 1
_WORDS: Final = {True: "yes", False: "no", None: "?"}
_ANNOUNCED: Final = {True: "yes", False: "no", None: ""}


def new(name: str, app: str | None = None) -> int:
    """Write a skeleton; UsageError where the file is there already.

    ``app`` is ``MODULE:NAME`` of a server in Python, which is to be simulated.
    """
    from patchstorm.target.skeleton import python_skeleton, skeleton

    path = Path(name if name.endswith(SUFFIX) else name + SUFFIX)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(
                skeleton(path.stem, str(path))
                if app is None
                else python_skeleton(path.stem, str(path), app)
            )
    except FileExistsError:
        raise UsageError(f"{path}: is there already. Give another name.") from None
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror}). Give a name in a directory that exists."
        ) from None
    told = legible_line(str(path))
    sys.stdout.write(
        f"wrote {told}: set {'start.command' if app is None else 'simulate.environment'} and wire.path in "
        "it, then\n"
        f"  patchstorm target check {told}\n"
    )
    return 0


def check(name: str, *, json: bool, keep: bool, apply: bool = False) -> int:
    """Probe a target, tell what was found, and correct its file unless ``keep``.

    ``apply`` also writes what is proposed for other keys. 0, or 1 where something is announced that is not
    done, or the server is not sound enough for any of it. UsageError for a wrong file, TargetError with the
    server's last words where it does not start or creates nothing.
    """
    from patchstorm.commands.simulable import simulable
    from patchstorm.probe.run import check as probe
    from patchstorm.target.installing import not_installed
    from patchstorm.target.registry import resolve

    if keep and apply:
        raise UsageError(
            "--keep and --apply: leave the file as it is, or write to it? Give one of them."
        )
    target = resolve(name)
    if target.only_contained:
        raise UsageError(
            f"target {target.name} is run in containers only, and what is probed here are processes: its "
            "capabilities are taken as they are declared"
        )
    simulated = simulable(target)
    if not target.start.command:
        return _only_simulated(target, simulated, json=json)
    missing = not_installed(target)
    if missing is not None:
        raise UsageError(f"target {target.name}: {missing}")
    with _logs() as logs, _progress(target.name) as begins:
        checked = asyncio.run(probe(target, logs, begins))
    right = _judged(target, checked, apply=apply)
    written = (
        False if keep or checked.unsound else _write(name, target, checked, right, apply=apply)
    )
    if json:
        _tell_json(target, checked, right, written, simulated)
    else:
        if simulated is not None:
            sys.stdout.write(f"{simulated.line}\n")
        _tell(target, checked, right, written=written, applied=written and apply)
    return BROKEN if checked.broken_promises else 0


def _judged(target: Target, checked: Checked, *, apply: bool) -> tuple[str, ...]:
    """The right list of capabilities, less what could not stand beside what is written besides."""
    from patchstorm.target.meaning import UNSEEN_BY_GET

    right = checked.capabilities(target.capabilities, target.pinned)
    by_get = any((one.key, one.value) == ("files.read", "get") for one in checked.proposals)
    if not (apply and by_get):
        return right
    return tuple(one for one in right if one != UNSEEN_BY_GET or one in target.pinned)


@contextmanager
def _logs() -> Iterator[Path]:
    """A directory for what servers say. It stays only where an error names a file in it."""
    logs = Path(tempfile.mkdtemp(prefix="patchstorm-"))
    keep = False
    try:
        yield logs
    except TargetError as error:
        keep = f"{logs}/" in str(error)
        raise
    finally:
        if not keep:
            shutil.rmtree(logs, ignore_errors=True)


@contextmanager
def _progress(name: str) -> Iterator[Callable[[str], None]]:
    """What is told of each probe that begins: on a terminal one line that changes, elsewhere a line each."""
    from patchstorm.report.console import console_on

    if not sys.stderr.isatty():
        yield lambda probe: print(f"probing {name}: {probe}", file=sys.stderr, flush=True)  # noqa: T201
        return
    with console_on(sys.stderr).status(f"probing {name}") as status:
        yield lambda probe: status.update(f"probing {name}: {probe}")


def _write(
    name: str, target: Target, checked: Checked, right: tuple[str, ...], *, apply: bool
) -> bool:
    """Correct the file that ``name`` is the path of; a bundled target is left alone."""
    from patchstorm.target.editing import correct

    base, _, variant = name.partition(":")
    values = {one.key: one.value for one in checked.proposals} if apply else {}
    if not base.endswith(SUFFIX) or (set(right) == set(target.capabilities) and not values):
        return False
    correct(Path(base), right, variant, values)
    return True


def _only_simulated(target: Target, simulated: Simulable | None, *, json: bool) -> int:
    """Nothing can be started, so nothing is probed: whether it can be simulated is all there is to tell."""
    import msgspec

    assert simulated is not None
    if json:
        told = {"target": target.name, "declared": target.capabilities, "simulated": simulated}
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    else:
        sys.stdout.write(
            f"{simulated.line}\nthe capabilities are taken as they are declared: without [start] no server "
            "is started and probed\n"
        )
    return 0 if simulated.can else BROKEN


def _tell_json(
    target: Target,
    checked: Checked,
    right: tuple[str, ...],
    written: bool,
    simulated: Simulable | None,
) -> None:
    import msgspec

    told = {
        "target": target.name,
        "announced": checked.announced,
        "probed": checked.probed,
        "declared": target.capabilities,
        "capabilities": right,
        "contradictions": checked.contradictions,
        "pinned": target.pinned,
        "proposals": checked.proposals,
        "remarks": checked.remarks,
        "unsound": checked.unsound,
        "written": written,
        "simulated": simulated,
    }
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")


def _tell(
    target: Target, checked: Checked, right: tuple[str, ...], *, written: bool, applied: bool
) -> None:
    from rich.text import Text

    from patchstorm.report.console import console_on

    console = console_on(sys.stdout)
    if checked.probed:
        console.print(_grid(target, checked))
    for line in _lines(target, checked, right, written=written, applied=applied):
        console.print(Text(line), soft_wrap=True)


def _grid(target: Target, checked: Checked) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("capability", "declared", "announced", "does"):
        grid.add_column(heading, no_wrap=True)
    grid.add_column("what was seen", overflow="fold", ratio=1)
    for one in checked.probed:
        pinned = ", pinned" if one.capability in target.pinned else ""
        grid.add_row(
            one.capability,
            _WORDS[one.capability in target.capabilities] + pinned,
            _ANNOUNCED[checked.announced.about(one.capability)],
            _WORDS[one.does],
            Text(one.says),
        )
    return grid


def _lines(
    target: Target, checked: Checked, right: tuple[str, ...], *, written: bool, applied: bool
) -> Iterator[str]:
    """What is said below the table."""
    if checked.announced.silent:
        yield f"announces nothing: {checked.announced.silent}"
    yield from (f"contradictions: {line}" for line in checked.contradictions)
    yield from (f"to see to: {line}" for line in checked.remarks)
    verb = "written to" if applied else "proposed for"
    for says, proposals in groupby(checked.proposals, key=lambda one: one.says):
        yield f"{verb} the file: {says}"
        yield from (f"    {_toml(one)}" for one in proposals)
    if checked.proposals and not applied and checked.unsound is None:
        yield "--apply writes what is proposed into the file"
    if checked.unsound is not None:
        yield f"the server is not fit to be probed, and the file stays as it is: {checked.unsound}"
        return
    yield _conclusion(target, right, written)


def _toml(proposal: Proposal) -> str:
    """A proposal as a person would write it."""
    table, _, name = proposal.key.rpartition(".")
    value = proposal.value
    shown = json_of(value) if isinstance(value, str) else f"[{', '.join(map(json_of, value))}]"
    return f"[{table}]  {name} = {shown}"


def _conclusion(target: Target, right: tuple[str, ...], written: bool) -> str:
    added = [name for name in right if name not in target.capabilities]
    removed = [name for name in target.capabilities if name not in right]
    if not added and not removed:
        return "the capabilities that are declared are right"
    changes = [f"+{name}" for name in added] + [f"-{name}" for name in removed]
    verb = "corrected capabilities" if written else "capabilities should be corrected"
    return f"{verb}: {' '.join(changes)}"


def _client(name: str) -> Target | None:
    """A program that clients of a storm can be, where it is called so."""
    from patchstorm.live.calling import installable
    from patchstorm.scenario.programs import PROGRAMS

    row = PROGRAMS.get(name)
    if row is not None and row.module:
        raise UsageError(f"{name} is installed for the Python of the harness: run `{row.remedy}`.")
    return None if row is None else installable(row)


def install(names: list[str], *, folder: Path | None) -> int:
    """Install each target called so, one after the other."""
    from patchstorm.target.installing import VARIABLE, servers_dir
    from patchstorm.target.installing import install as put
    from patchstorm.target.registry import resolve

    for name in names:
        target = _client(name) or resolve(name)
        sys.stderr.write(f"{target.name}: installing into {folder or servers_dir()} ...\n")
        place, done = put(target, folder)
        said = "installed" if done else "was installed already"
        sys.stdout.write(f"{target.name} {target.version}: {said} in {place}\n")
    if folder is not None and folder != servers_dir():
        sys.stdout.write(f"set {VARIABLE}={folder.resolve()} to have it found there\n")
    return 0
