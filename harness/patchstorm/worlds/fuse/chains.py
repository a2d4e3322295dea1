"""Which calls a replica makes of its own accord, such as those of a sweep, and not for a client.

A sweep comes by a clock of the server's, so in each run at another place among the calls of a request, and
both may ask for the same, such as one lock. They are told apart by how they begin. A chain is what one thread
asks for between two moments at which its replica was at rest. One that begins with a look while its replica
serves nobody is of its own accord, and so is from then on, in whatever replica and at whatever time, each
that begins with the same look. A chain that begins with a change does not count: that may be what follows an
answer. Nor does what a server looks at while it starts: it may look at the same for each request.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

_NAME: Final = re.compile(r"<[^>]*>")
OWN: Final = "~"
"""Stands behind a replica's name where it acts of its own accord."""


class Chains:
    """Those of one storm, of all replicas. ``openers`` are the looks that are known; more are added."""

    def __init__(self, openers: set[str] | None = None) -> None:
        self._openers = set() if openers is None else openers
        self.known = tuple(sorted(self._openers))
        """Those that were known from the first."""
        self._begun: dict[int, dict[int, bool]] = {}

    def own(
        self, replica: int, thread: int, call: str, *, looks: bool, serves: bool, held: bool = True
    ) -> bool:
        """Whether this call belongs to a chain that nobody asked for. ``call`` is its operation and path.

        ``held``: calls are held until they are chosen; else time is real, and a chain that is under way when
        that ends is nobody's.
        """
        begun = self._begun.setdefault(replica, {})
        if thread not in begun:
            opener = _NAME.sub("<>", call)
            if looks and not serves and held:
                self._openers.add(opener)
            begun[thread] = opener in self._openers if held else looks
        return begun[thread]

    def rested(self, replica: int, asking: Container[int], *, busy: bool = False) -> None:
        """A replica is at rest: chains end, save those of threads that wait for an answer.

        ``busy``: it asks for something for a client. A sweep that sleeps meanwhile may be waiting for that
        thread, as in CPython for the interpreter's lock, and has not come to its end.
        """
        begun = self._begun.get(replica, {})
        for thread in [one for one in begun if one not in asking]:
            if not (busy and begun[thread]):
                del begun[thread]
