"""What a planted bug is."""

from __future__ import annotations

from dataclasses import dataclass

from chunkstore.protocol import Exchange
from chunkstore.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """The reference with one thing wrong.

    ``says`` is the mistake in a sentence; ``stands_for`` the real bug it is modelled on; ``storm`` a
    scenario that shows it, and ``caught_by`` the checkers of which at least one must then fire.
    ``also`` are checkers that may fire as a plain consequence; any other is a false alarm.

    ``sim_only`` is the reason why real processes do not show it in a reasonable time; empty for the
    others.
    """

    name: str
    says: str
    stands_for: str
    storm: str
    caught_by: tuple[str, ...]
    also: tuple[str, ...] = ()
    store: type[Store] = Store
    exchange: type[Exchange] = Exchange
    sim_only: str = ""
