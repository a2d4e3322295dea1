"""Uploads of the clients that want theirs made in a way of their own: joined from parts, or without a length.

Such an upload is nobody else's, and has a name that nobody else wants: of two that want one name, which of
them lost it is judged by their sizes, and these have none of their own, or none that is settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from patchstorm.choice.chooser import Chooser
from patchstorm.scenario.dividing import divided
from patchstorm.scenario.plan import ClientPlan, UploadPlan

PARTS: Final = (2, 3, 4)
FINALS: Final = (1, 2)
JOINED, DEFERRED = "concatenating", "deferring"


def peculiar(
    chooser: Chooser, uploads: Sequence[UploadPlan], clients: Sequence[ClientPlan]
) -> tuple[tuple[UploadPlan, ...], tuple[ClientPlan, ...]]:
    """The uploads and clients of a plan, those of the two kinds with what they need."""
    found: dict[str, tuple[UploadPlan, ...]] = {upload.id: (upload,) for upload in uploads}
    served: list[ClientPlan] = []
    number = len(uploads)
    for client in clients:
        if client.kind not in (JOINED, DEFERRED):
            served.append(client)
            continue
        for ident in client.uploads:
            own = _of_its_own(found[ident][0])
            if client.kind == DEFERRED:
                found[ident] = (replace(own, info=replace(own.info, deferred=True)),)
                continue
            parts = PARTS[chooser.draw(f"parts/{ident}", len(PARTS))]
            finals = FINALS[chooser.draw(f"finals/{ident}", len(FINALS))]
            found[ident] = divided(chooser, own, parts, finals, number)
            number += len(found[ident])
        mine = tuple(upload.id for ident in client.uploads for upload in found[ident])
        served.append(replace(client, uploads=mine))
    return tuple(upload for made in found.values() for upload in made), tuple(served)


def _of_its_own(upload: UploadPlan) -> UploadPlan:
    info = replace(upload.info, target=f"{upload.id}-own.bin", overwrite=False)
    return replace(upload, info=info)
