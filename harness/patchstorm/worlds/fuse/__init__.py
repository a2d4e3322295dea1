"""Real server processes, each on a FUSE mount of its own that the storage model answers, call by call.

It may import ``live``, with ``run`` and below; no other world.

Internal: may change at any release.
"""

from typing import Final

SCHEDULES: Final = 2
"""The version of the choices that this world records (:data:`patchstorm.choice.schedule.VERSION`).

2: reads and writes are named by where their run began. 1: by offset and size.
"""
