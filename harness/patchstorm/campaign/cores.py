"""How many processors this process may use."""

from __future__ import annotations

import os


def cores() -> int:
    """Those that it is bound to, as by taskset(1) or a CI job's cpuset; all, where the system cannot tell."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not Linux, or forbidden by a sandbox
        return os.cpu_count() or 1
