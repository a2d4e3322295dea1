"""What all lines of a history have in common, whatever they record."""

from __future__ import annotations

import msgspec


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """A line of a history. Its tag, the field ``type``, says which record it is."""
