"""What a planted bug is, and what its innocent twin is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from chunkstore.protocol import Exchange
from chunkstore.store import Store

Base = Literal["reference", "sequential", "hooked", "joining"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Innocent:
    """The bug's code with the mistake repaired; no checker may accuse it.

    ``says`` is the repair in a sentence. An innocent without a bug is a base by itself.
    """

    says: str
    store: type[Any]
    exchange: type[Exchange] = Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """One of the bases with one thing wrong.

    ``says`` is the mistake in a sentence; ``stands_for`` the real bug it is modelled on. ``storms``
    are scenarios that show it, the quickest first; ``caught_by`` the checkers of which at least one
    must then fire. ``also`` are checkers that may fire as a plain consequence; any other is a false
    alarm. ``storages`` are the flavours on which it can show; empty: any.

    ``deed`` is what the story of a shrunk failure must tell, in the words of ``campaign.deeds``.

    ``base`` is the correct store that it is a variant of. ``twin`` is the same code repaired, where
    that is something else than the base itself.

    ``sim_only`` is the reason why real processes do not show it in a reasonable time; empty for the
    others.
    """

    name: str
    says: str
    stands_for: str
    storms: tuple[str, ...]
    caught_by: tuple[str, ...]
    deed: str
    also: tuple[str, ...] = ()
    storages: tuple[str, ...] = ()
    base: Base = "reference"
    store: type[Any] = Store
    exchange: type[Exchange] = Exchange
    twin: Innocent | None = None
    sim_only: str = ""

    @property
    def storm(self) -> str:
        """The storm that shows it soonest."""
        return self.storms[0]

    @property
    def target(self) -> str:
        """What ``--target`` calls it."""
        return f"bug:{self.name}"
