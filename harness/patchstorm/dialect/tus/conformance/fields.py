"""Claims about the header fields that tus brings, and how Upload-Metadata is read."""

from __future__ import annotations

from patchstorm.dialect.cases.claims import NUMBER, listed, says
from patchstorm.dialect.cases.model import Claim, View


def offset(value: int) -> Claim:
    """Upload-Offset is exactly this."""
    return says("Upload-Offset", str(value))


def offset_at_most(limit: int) -> Claim:
    """Upload-Offset, where it is given, does not exceed this."""

    def claim(view: View) -> str | None:
        found = view.header("Upload-Offset")
        if found is None or not NUMBER.fullmatch(found) or int(found) <= limit:
            return None
        return f"was answered with Upload-Offset: {found}, of at most {limit} bytes"

    return claim


def pairs(metadata: str) -> dict[str, str]:
    """Upload-Metadata as a mapping; an empty value is "" with or without its space."""
    found: dict[str, str] = {}
    for pair in listed(metadata):
        key, _, value = pair.partition(" ")
        found[key] = value.strip()
    return found
