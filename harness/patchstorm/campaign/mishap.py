"""A storm that broke off is unknown, with the reason, and no reason to give up all the others."""

from __future__ import annotations

import traceback

from patchstorm.errors import PatchstormError
from patchstorm.legible import legible


def reason_of(error: Exception) -> str:
    """Why the storm that ``error`` broke off is unknown; our own mistakes are told with their traceback."""
    if isinstance(error, PatchstormError):
        return legible(str(error))
    if isinstance(error, OSError):
        return legible(f"the system refused what the storm needs: {error}")
    lines = traceback.format_exception(error)
    first = f"this is a bug in patchstorm, not in the target: {lines[-1].rstrip()}"
    return legible("\n".join((first, "".join(lines).rstrip())))
