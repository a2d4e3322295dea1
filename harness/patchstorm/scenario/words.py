"""The words that scenarios and targets share: capabilities, which dialects bring, and phases."""

from __future__ import annotations

from typing import Final

from patchstorm.dialect.registry import CAPABILITIES

__all__ = ["CAPABILITIES", "PHASES"]

PHASES: Final[dict[str, str]] = {
    "receiving": "a request body is being stored",
    "committing": "an accepted body is being recorded",
    "assembling": "the published file is being put together",
    "publishing": "the published name is being made visible",
    "cleaning": "what is no longer needed is being removed",
}
