"""``patchstorm shrink``: a simulated failure, made smaller until every choice left is needed."""

from __future__ import annotations

import sys
from pathlib import Path

from patchstorm.commands.places import writable_file


def execute(path: Path, output: Path) -> int:
    """Shrink the failure at ``path`` into ``output``, its history beside it; 1, as it is a violation."""
    from patchstorm.campaign.simulated import shrink_file

    writable_file(output, "--output")
    sys.stderr.write(f"shrinking {path}\n")
    small = shrink_file(path, output)
    deviations = len(small.schedule.choices)
    end = "every one is needed" if small.complete else "the bound on runs was met before the end"
    sys.stdout.write(
        f"{deviations} choices other than the dull one are left after {small.runs} runs "
        f"({small.seconds:.1f} s); {end}.\n"
        f"patchstorm replay {output}\n"
    )
    return 1
