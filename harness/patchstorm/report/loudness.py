"""How much a command tells: ``-q`` only what was found, ``-v`` every remark as well."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Loudness(IntEnum):
    """From the least to the most."""

    QUIET = -1
    NORMAL = 0
    VERBOSE = 1


QUIET: Final = Loudness.QUIET
NORMAL: Final = Loudness.NORMAL
VERBOSE: Final = Loudness.VERBOSE
