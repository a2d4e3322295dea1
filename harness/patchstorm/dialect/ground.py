"""Where probes of a dialect stand: replicas over one directory, and a way to send them single requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from patchstorm.dialect.exchange import Reply
from patchstorm.dialect.operations import Mischief
from patchstorm.dialect.wire import Wire
from patchstorm.history.model import UploadInfo

Ending = Literal["reset", "fin"]


class Ground(Protocol):
    """What somebody above provides. Paths are relative to the shared directory.

    ``by_get``: the assembled bytes are had over the wire. ``expires``: the target's file says how to shorten
    an upload's life. ``declared`` are the capabilities in that file, ``phased`` whether it maps phases.
    """

    wire: Wire
    published: str
    by_get: bool
    expires: bool
    phased: bool
    declared: Collection[str]
    convergence_s: float
    shown: list[tuple[str, str]]
    """(path, what): what appeared, changed and vanished on the storage so far."""

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

    def path(self, upload: UploadInfo, url: str) -> str | None:
        """Where the target's file says that the upload's bytes lie."""
        ...

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where none is."""
        ...

    def paths(self) -> tuple[str, ...]:
        """What lies there, in order."""
        ...

    def may_stay(self, path: str) -> bool:
        """Whether the target's file declares it as left over."""
        ...

    def turns(self, seconds: float) -> AsyncIterator[None]:
        """Turns, a little apart, until so many seconds have passed."""
        ...

    def shortlived(self, lifetime_ms: int) -> AbstractAsyncContextManager[Ground]:
        """Another ground, whose uploads live so long."""
        ...
