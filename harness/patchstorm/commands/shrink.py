"""``patchstorm shrink``: a simulated failure, made smaller until every choice left is needed."""

from __future__ import annotations

import sys
from pathlib import Path

from patchstorm.commands.places import writable_file
from patchstorm.commands.replay import violation


def execute(path: Path, output: Path) -> int:
    """Shrink the failure at ``path`` into ``output``, its history beside it; 1, as it is a violation."""
    from patchstorm.campaign.failure import read_failure
    from patchstorm.campaign.simulated import shrink_file
    from patchstorm.report.console import console_on, tell_violation

    read_failure(path)
    writable_file(output, "--output")
    sys.stderr.write(f"shrinking {path}\n")
    small = shrink_file(path, output)
    count = len(small.schedule.choices)
    left = f"{count} choice{'s' * (count != 1)} other than the dull one left"
    end = "none can be spared" if small.complete else "the bound on runs was met before the end"
    console = console_on(sys.stdout)
    said = f"{left} after {small.runs} runs ({small.seconds:.1f} s); {end}."
    console.print(f"{said}\n", soft_wrap=True)
    tell_violation(violation(read_failure(output), output), console)
    return 1
