"""The shared file system as a pure state machine.

What lives here: a server's tree, the hosts that mount it with their caches, locks, handles, and
what a crash leaves. Every call is one atomic step that returns, raises ``OSError``, or raises
``WouldBlock``. What this package may not know: threads, clocks, chance, the machine it runs on.
Time comes in as ``clock.now_ns``, chance as ``choose(kind, n)``.
It imports no other room. Internal: may change at any release.
"""

from patchstorm.storage.client import Client
from patchstorm.storage.errors import WouldBlock
from patchstorm.storage.faults import Faults
from patchstorm.storage.flavour import Flavour
from patchstorm.storage.guarantees import MEANING as GUARANTEES
from patchstorm.storage.parse import FlavourError, flavour_names, parse_flavour
from patchstorm.storage.server import Server
from patchstorm.storage.settings import Choose, Clock, ManualClock, always_dull
from patchstorm.storage.stat import Entry, Stat, StatVfs

__all__ = [
    "GUARANTEES",
    "Choose",
    "Client",
    "Clock",
    "Entry",
    "Faults",
    "Flavour",
    "FlavourError",
    "ManualClock",
    "Server",
    "Stat",
    "StatVfs",
    "WouldBlock",
    "always_dull",
    "flavour_names",
    "parse_flavour",
]
