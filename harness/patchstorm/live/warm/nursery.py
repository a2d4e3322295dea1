"""Has Python servers forked where it is proved that they cannot tell, and started as ever where it is not.

Many starts of one target pay for a survey of it: the first ``STARTS_MIN`` are as ever. A process that forks
has one secret for the hashes of strings, and so have all its forks; real servers have one each. So there are
several, and no replica is forked where it was forked last, nor where another one of its fleet was.
"""

from __future__ import annotations

import asyncio
import marshal
import re
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from patchstorm.errors import PatchstormError
from patchstorm.live.environment import environment, home_of
from patchstorm.live.fleet import assembled
from patchstorm.live.guard import guard
from patchstorm.live.host import ThisHost
from patchstorm.live.launch import MARK, Launch, Order, Running, mark_of_replica, processes
from patchstorm.live.storage import PREFIX, Storage, remove
from patchstorm.live.warm.command import PythonStart, python_start
from patchstorm.live.warm.found import Found, found
from patchstorm.live.warm.litter import Forked, NoZygote, Zygote, booted
from patchstorm.target.model import Target

STARTS_MIN: Final = 6
ZYGOTES_MAX: Final = 12
TRIES: Final = 5
_OF_ITS_OWN: Final = ("HOME", "TMPDIR", "XDG_", MARK)
_APP: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
"""How commands name an application and the module that has it."""


@dataclass(slots=True)
class _Kind:
    """What the servers of one interpreter have in common, and the zygotes that fork them."""

    start: PythonStart
    common: dict[str, str]
    found: Found
    zygotes: list[Zygote] = field(default_factory=list)


class Nursery:
    """For the servers of one target. ``why_not`` says why they are all started as ever, where they are."""

    def __init__(self, target: Target) -> None:
        self.why_not = reason_against(target)
        self.starts = 0
        self.forks = 0
        self.target = target
        self._kind: _Kind | None = None
        self._last: dict[str, Zygote] = {}  # by the directory of a replica
        self._lock = threading.Lock()
        self.folder: Path | None = None
        """What they keep, once there are any."""

    @property
    def ripe(self) -> bool:
        """Whether it is time for :meth:`prepare`."""
        return self.why_not is None and self._kind is None and self.starts >= STARTS_MIN

    @property
    def preloaded(self) -> set[str]:
        """The modules that servers find imported."""
        return set() if self._kind is None else set(self._kind.found.wanted)

    @property
    def left(self) -> dict[str, str]:
        """Why others are not."""
        return {} if self._kind is None else self._kind.found.left

    @property
    def pids(self) -> list[int]:
        """The processes that fork."""
        return [] if self._kind is None else [one.pid for one in self._kind.zygotes]

    def prepare(self, replicas: int) -> None:
        """Find out what may be imported for these servers, and import it often enough for a fleet.

        To be called in a thread without an event loop; nothing happens where another one is at it.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            if not self.ripe:
                return
            self.folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
            guard.adopt_dir(self.folder)
            try:
                kind = asyncio.run(surveyed(self.target, self.folder))
                kind.zygotes.append(self._new(kind, self.folder))
                with ThreadPoolExecutor(replicas) as pool:
                    kind.zygotes += pool.map(self._new, [kind] * replicas, [self.folder] * replicas)
                self._kind = kind
            except (PatchstormError, NoZygote, OSError) as error:
                self.why_not = str(error)
        finally:
            self._lock.release()

    def launches(self, home: Path, host: ThisHost, otherwise: Launch) -> Launch:
        """As ``otherwise``, the way in which servers are started here as ever."""

        async def launch(order: Order) -> Running:
            self.starts += 1
            if self._kind is not None and self.why_not is None:
                forked = await asyncio.to_thread(self._forked, order, home, host)
                if forked is not None:
                    return forked
            return await otherwise(order)

        return launch

    def close(self) -> None:
        """End every zygote; its servers are ended before."""
        with self._lock:
            self.why_not = "it is over"
            for one in self._kind.zygotes if self._kind is not None else ():
                one.close()
            if self.folder is not None:
                remove(self.folder)
                guard.release_dir(self.folder)
                self.folder = None

    def _forked(self, order: Order, home: Path, host: ThisHost) -> Running | None:
        kind = self._kind
        assert kind is not None
        given = {**environment(home), **order.environment}
        start = python_start(order.command, given)
        if (
            start is None
            or (start.python, start.options) != (kind.start.python, kind.start.options)
            or (start.module, start.script) != (kind.start.module, kind.start.script)
            or common(self.target, given) != kind.common
        ):
            return None
        try:
            with self._lock:
                fleet = str(Path(order.scratch).parent)
                zygote = self._next(
                    {one for where, one in self._last.items() if Path(where).parent == Path(fleet)}
                )
                self._last[order.scratch] = zygote
            forked = _fork(zygote, start, order, given, host)
            self.forks += 1
            return forked
        except (NoZygote, OSError) as error:
            self.why_not = str(error)
            return None

    def _next(self, but: set[Zygote]) -> Zygote:
        """One that is none of these; a new one where there is none. Asked under the lock."""
        kind = self._kind
        assert kind is not None and self.folder is not None
        free = [one for one in kind.zygotes if one not in but]
        if not free:
            if len(kind.zygotes) >= ZYGOTES_MAX:
                raise NoZygote("more replicas than there are processes to fork them")
            free = [self._new(kind, self.folder)]
            kind.zygotes += free
        return free[0]

    def _new(self, kind: _Kind, folder: Path) -> Zygote:
        home = environment(home_of(folder))
        given = {**home, **kind.common}
        for _ in range(TRIES):
            try:
                return Zygote(kind.start, kind.found, given, folder / "zygote.log")
            except NoZygote as no:
                if not all(module for module, _, _ in no.wrong) or not no.wrong:
                    raise
                for module, _, brought in no.wrong:
                    kind.found.needs[module] |= {brought} - {""}
                kind.found.leave({module: why for module, why, brought in no.wrong if not brought})
        raise NoZygote("its modules cannot be imported apart")


def reason_against(target: Target) -> str | None:
    """Why servers of ``target`` are always started as ever; None: they may be forked."""
    if not target.start.preload:
        return "its file does not say `preload = true`"
    if target.companion is not None:
        return "it has a companion, without which it may begin otherwise"
    if target.start.inherit:
        return "it inherits variables of the harness's, which may lead to what is not a storm's"
    return None


def varies(target: Target, name: str) -> bool:
    """Whether another start of ``target`` may have this variable with another value."""
    return name.startswith(_OF_ITS_OWN) or "{" in target.start.environment.get(name, "")


def common(target: Target, given: Mapping[str, str]) -> dict[str, str]:
    """The variables that all starts have in common."""
    return {name: value for name, value in given.items() if not varies(target, name)}


def _fork(
    zygote: Zygote, start: PythonStart, order: Order, given: dict[str, str], host: ThisHost
) -> Forked:
    Path(order.scratch).mkdir(parents=True, exist_ok=True)
    mark = mark_of_replica()
    guard.adopt_mark(mark)
    name, _, token = mark.partition("=")
    try:
        return zygote.forked(
            {
                **asked(start, {**given, name: token}),
                "log": str(order.log),
                "holder": host.holder or 0,
                "directory": order.scratch,
            },
            mark,
        )
    except BaseException:
        guard.release_mark(mark)
        raise


def asked(start: PythonStart, given: Mapping[str, str]) -> dict[str, object]:
    """How a process that becomes a server is told what it is to be (``becoming.dress``)."""
    return {
        "argv": list(start.argv),
        "words": list(start.words),
        "module": start.module,
        "script": start.script,
        "title": start.title,
        "environment": dict(given),
    }


async def surveyed(target: Target, folder: Path) -> _Kind:
    """Start ``target`` once, on a storage of nobody's, and read what it imported until it took requests.

    Raises TargetError where it does not start, and NoZygote where it is no Python server.
    """
    root, scratch, diary = folder / "root", folder / "scratch", folder / "diary"
    root.mkdir()
    scratch.mkdir()
    diary.touch()
    home = home_of(scratch)
    kinds: list[_Kind] = []

    async def launch(order: Order) -> Running:
        given = {**environment(home), **order.environment}
        start = python_start(order.command, given)
        if start is None:
            raise NoZygote("its command starts no Python that is understood")
        told = folder / "order"
        told.write_bytes(marshal.dumps(asked(start, given), 2))
        kinds.append(_Kind(start, common(target, given), Found()))
        command = booted(start, "survey", str(told), str(diary))
        return await processes(home)(replace(order, command=command))

    storage = Storage(root=root, view=root, scratch=scratch, flavour="tmpfs")
    fleet = assembled(target, storage, 1, log_dir=folder)
    fleet.replicas[0].launch = launch
    try:
        await fleet.start()
    finally:
        await fleet.kill()
    kind = kinds[-1]
    kind.found = found(
        diary,
        varies=lambda name: varies(target, name),
        own=_own(target, kind.start),
        apart=str(folder),
    )
    return kind


def _own(target: Target, start: PythonStart) -> set[str]:
    """The packages that are the server's itself, as far as anybody has said."""
    named = [start.module, *(word for word in start.words if _APP.fullmatch(word))]
    if target.simulate is not None:
        named += [target.simulate.app, *target.simulate.own]
    return {re.split("[.:]", name)[0] for name in named if name}
