"""The byte maps as SVG, and the colour that a request has everywhere."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from patchstorm.legible import legible
from patchstorm.report.show.model import Strip
from patchstorm.report.show.words import size

STRIP_PX: Final = 1000  # of the drawing's own units: it is as wide as its place
MAP_PX: Final = 26


def hue(op: int) -> str:
    """A colour for a request: neighbours in number are far apart (the golden angle)."""
    return "var(--nobody)" if op < 0 else f"hsl({op * 137.508 % 360:.0f} 62% 52%)"


def strip(one: Strip) -> Markup:
    """A file as a bar: every piece with the request that wrote it, wrong ranges outlined below."""
    whole = max(one.size, one.wanted, *(offset + length for offset, length in one.wrong), 1)
    scale = STRIP_PX / whole
    parts = [
        Markup(
            '<svg class="strip" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img">'
        ).format(STRIP_PX, MAP_PX + 8),
        Markup("<title>{}</title>").format(legible(one.name)),
    ]
    for extent in one.extents:
        who = " or ".join(f"op {op}" for op in extent.writers) or "nobody"
        end = extent.offset + extent.length
        says = f"[{extent.offset}, {end}) {size(extent.length)}, {extent.says}, {who}"
        parts.append(
            Markup(
                '<rect class="piece" x="{:.3f}" width="{:.3f}" y="0" height="{}" fill="{}"'
                ' data-ops="{}" data-says="{}"><title>{}</title></rect>'
            ).format(
                extent.offset * scale,
                max(extent.length * scale, 0.8),
                MAP_PX,
                hue(extent.writers[0]) if extent.writers else "var(--nobody)",
                " ".join(map(str, extent.writers)),
                legible(says),
                legible(says),
            )
        )
    for offset, length in one.wrong:
        parts.append(
            Markup('<rect class="wrong" x="{:.3f}" width="{:.3f}" y="{}" height="5"/>').format(
                offset * scale, max(length * scale, 2), MAP_PX + 2
            )
        )
    if one.wanted >= 0:
        parts.append(
            Markup('<line class="wanted" x1="{0:.3f}" x2="{0:.3f}" y1="0" y2="{1}"/>').format(
                one.wanted * scale, MAP_PX + 8
            )
        )
    return Markup("").join([*parts, Markup("</svg>")])
