"""What an upload of a plan is like, as features name it."""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.scenario.plan import Plan, UploadPlan

MANY_CHUNKS = 256
THOUSAND = 1_000
LARGE_BYTES = 60_000
HUGE_BYTES = 1 << 31


def shapes_of(plan: Plan, upload: UploadPlan) -> Iterator[str]:
    """Its shapes, in the order of :data:`patchstorm.scenario.composing.features.SHAPES`."""
    info = upload.info
    rivals = [other for other in plan.uploads if other.info.target == info.target]
    chunks = -(-upload.size // upload.chunk)
    shapes = {
        "shared": len(rivals) > 1,
        "overwrite": info.overwrite,
        "minted": upload.minted,
        "born-late": upload.born_ms is not None,
        "mortal": info.expires_ms is not None,
        "empty": upload.size == 0,
        "tiny": upload.size == 1,
        "edge": 1 < upload.size < HUGE_BYTES and (_off(upload.chunk) or _off(upload.size)),
        "many-chunks": MANY_CHUNKS < chunks <= THOUSAND,
        "thousand-chunks": chunks > THOUSAND,
        "large-chunks": LARGE_BYTES <= upload.chunk < upload.size < HUGE_BYTES,
        "huge": upload.size >= HUGE_BYTES,
        "odd-name": _odd(info.target),
    }
    return (shape for shape, is_so in shapes.items() if is_so)


def _odd(name: str) -> bool:
    escaped = any(letter in name for letter in "%+ ")
    return not name.isascii() or len(name) > 100 or name.isupper() or escaped


def _off(number: int) -> bool:
    """One byte beside a multiple of a cell of the payload, which a chunk of any round size is."""
    return number % 32 in (1, 31)
