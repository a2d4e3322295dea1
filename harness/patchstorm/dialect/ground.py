"""Where probes of a dialect stand: replicas over one directory, and a way to send them single requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from patchstorm.dialect.exchange import Reply
from patchstorm.dialect.operations import Mischief
from patchstorm.dialect.wire import Wire

Ending = Literal["reset", "fin"]


class Ground(Protocol):
    """What somebody above provides. Paths are relative to the shared directory.

    ``by_get``: the assembled bytes are had over the wire. ``expires``: the target's file says how to shorten
    an upload's life. ``declared`` are the capabilities in that file, ``phases`` what it maps them to.
    """

    wire: Wire
    published: str
    by_get: bool
    expires: bool
    phases: Mapping[str, tuple[str, ...]]
    declared: Collection[str]
    convergence_s: float
    sweep_s: float
    shown: list[tuple[str, str]]
    """(path, what): what appeared, changed and vanished on the storage so far."""
    filled: dict[str, bool]
    """Whether bytes came into a path meanwhile, of those of which it could be seen."""

    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        replica: int = 0,
        mischief: Mischief | None = None,
        ending: Ending | None = None,
    ) -> Reply | None:
        """One request; None without an answer."""
        ...

    def payload(self, number: int, offset: int, length: int) -> bytes:
        """Bytes that know where they belong, of upload ``number``."""
        ...

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where none is."""
        ...

    def paths(self) -> tuple[str, ...]:
        """What lies there, in order, directories included."""
        ...

    def special(self, path: str) -> str | None:
        """What is there and is never read, such as "a symbolic link"; None for files and directories."""
        ...

    def is_directory(self, path: str) -> bool:
        """Whether a directory is there."""
        ...

    def matches(self, path: str, patterns: tuple[str, ...]) -> bool:
        """Whether ``path`` is one of those that patterns of a target's file name."""
        ...

    def is_internal(self, path: str) -> bool:
        """Whether the target's file says that users never look at ``path``."""
        ...

    def may_stay(self, path: str) -> bool:
        """Whether the target's file declares it as left over."""
        ...

    def turns(self, seconds: float) -> AsyncIterator[None]:
        """Turns, a little apart, until so many seconds have passed."""
        ...

    def begins(self, probe: str) -> None:
        """A probe begins: for whoever waits for the end."""
        ...

    def shortlived(self, lifetime_ms: int) -> AbstractAsyncContextManager[Ground]:
        """Another ground, whose uploads live so long."""
        ...
