"""What made a report: the releases, the host and the day, for the head of the page that tells it."""

from __future__ import annotations

import platform
from datetime import UTC, datetime

from patchstorm.campaign.cores import cores
from patchstorm.commands.version import installed
from patchstorm.report.model import Made


def made_here(seconds: float) -> Made:
    """This very program on this host, today (UTC), after so many seconds."""
    return Made(
        patchstorm=installed(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        machine=machine(),
        date=datetime.now(UTC).date().isoformat(),
        seconds=round(seconds, 1),
    )


def machine() -> str:
    """The kernel and how many processors may be used; not its name, as reports are sent around."""
    return f"Linux {platform.release()}, {cores()} cores"
