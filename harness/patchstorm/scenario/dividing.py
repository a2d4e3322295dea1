"""An upload that is joined from partial ones: how the plan's bytes are dealt out among them.

Each part is an upload of its own, so whoever sends it, or judges it, knows nothing of the others. What they
are joined into has no bytes of its own: its size is theirs together. A second one, joined from the same parts
in the opposite order, tells who takes the parts by their names from who takes them by their age.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from patchstorm.choice.chooser import Chooser
from patchstorm.scenario.payload import Part
from patchstorm.scenario.plan import Plan, UploadPlan


def divided(
    chooser: Chooser, whole: UploadPlan, parts: int, finals: int, number: int
) -> tuple[UploadPlan, ...]:
    """``parts`` partial uploads, and ``finals`` that are joined from them; the first has ``whole``'s name.

    ``number`` is the first payload number that is free. Of a few bytes there are as many parts as bytes.
    """
    parts = max(1, min(parts, whole.size))
    names = tuple(f"{whole.id}-part{place}" for place in range(parts))
    pieces = tuple(
        replace(
            whole,
            number=number + place,
            info=replace(
                whole.info, id=name, size=size, target=f"{whole.info.target}.part{place}", partial=True
            ),
            chunk=min(whole.chunk, size),
        )
        for place, (name, size) in enumerate(
            zip(names, _sizes(chooser, whole, parts), strict=True)
        )
    )  # fmt: skip
    joined = [replace(whole, number=number + parts, info=replace(whole.info, parts=names))]
    if finals > 1:
        other = replace(
            whole.info,
            id=f"{whole.id}-again",
            target=f"{whole.info.target}.again",
            parts=tuple(reversed(names)),
        )
        joined.append(replace(whole, number=number + parts + 1, info=other))
    return (*pieces, *joined)


def parts_of(plan: Plan, upload: UploadPlan) -> tuple[Part, ...]:
    """Payload number and size of what ``upload`` is joined from, in its order."""
    if not upload.info.parts:
        return ()
    by_id = {one.id: (one.number, one.size) for one in plan.uploads}
    return tuple(by_id[part] for part in upload.info.parts)


def summed(uploads: Iterable[UploadPlan]) -> tuple[UploadPlan, ...]:
    """The uploads, what is joined among them made of the parts that are there, and as long as those."""
    all_of = tuple(uploads)
    sizes = {upload.id: upload.size for upload in all_of}
    return tuple(_made_of(upload, sizes) if upload.info.parts else upload for upload in all_of)


def _made_of(final: UploadPlan, sizes: dict[str, int]) -> UploadPlan:
    parts = tuple(part for part in final.info.parts if part in sizes)
    size = sum(sizes[part] for part in parts) if parts else final.size
    if (size, parts) == (final.size, final.info.parts):
        return final
    return replace(final, info=replace(final.info, size=size, parts=parts))


def _sizes(chooser: Chooser, whole: UploadPlan, parts: int) -> list[int]:
    """As long as each other, or cut at drawn places; none is empty."""
    equal = [whole.size * (i + 1) // parts - whole.size * i // parts for i in range(parts)]
    if parts == 1 or whole.size < 4 * parts or not chooser.draw(f"parts/{whole.id}", 2):
        return equal
    moved = chooser.draw(f"parts/{whole.id}/moved", equal[0])
    return [equal[0] - moved, *equal[1:-1], equal[-1] + moved]
