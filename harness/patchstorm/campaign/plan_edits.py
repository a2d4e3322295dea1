"""Smaller plans of a storm: each function yields plans that lack a little of the one it is given.

None is known to be a sensible plan; whoever tries it finds out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from patchstorm.scenario.dividing import summed
from patchstorm.scenario.plan import ClientPlan, Plan, UploadPlan
from patchstorm.scenario.workloads import WORKLOADS
from patchstorm.worlds.sim.scale import resized

TINY_CHUNK = 32  # bytes


def without_clients(plan: Plan) -> Iterator[Plan]:
    if len(plan.clients) > 1:
        for place in range(len(plan.clients)):
            rest = plan.clients[:place] + plan.clients[place + 1 :]
            yield msgspec.structs.replace(plan, clients=rest)


def without_faults(plan: Plan) -> Iterator[Plan]:
    if plan.faults:
        yield msgspec.structs.replace(plan, faults=())
    if len(plan.faults) > 1:
        for place in range(len(plan.faults)):
            rest = plan.faults[:place] + plan.faults[place + 1 :]
            yield msgspec.structs.replace(plan, faults=rest)


def without_uploads(plan: Plan) -> Iterator[Plan]:
    """Without an upload, and without it in every client; a client keeps at least what its kind needs."""
    if len(plan.uploads) < 2:
        return
    for upload in plan.uploads:
        clients = tuple(_forgets(client, upload.id) for client in plan.clients)
        if any(len(one.uploads) < WORKLOADS[one.kind].uploads_min for one in clients):
            continue
        rest = summed(one for one in plan.uploads if one is not upload)
        yield msgspec.structs.replace(plan, uploads=rest, clients=clients)


def _forgets(client: ClientPlan, upload: str) -> ClientPlan:
    uploads = tuple(ident for ident in client.uploads if ident != upload)
    return msgspec.structs.replace(client, uploads=uploads)


def plainer_storage(plan: Plan) -> Iterator[Plan]:
    """What fails on memory that all share is no matter of caches or of lost power."""
    if plan.storage is not None and plan.storage.partition(",")[0] != "tmpfs":
        yield msgspec.structs.replace(plan, storage="tmpfs")


def fewer_replicas(plan: Plan) -> Iterator[Plan]:
    for count in range(1, plan.replicas):
        yield msgspec.structs.replace(plan, replicas=count)


def more_workers(plan: Plan) -> Iterator[Plan]:
    """What fails with as many workers as requests is no matter of a queue."""
    if plan.workers:
        yield msgspec.structs.replace(plan, workers=0)


def fewer_chunks(plan: Plan) -> Iterator[Plan]:
    yield from _resized(plan, lambda upload: [
        (chunks * upload.chunk, upload.chunk)
        for chunks in (1, 2, 3, upload.size // upload.chunk // 2, upload.size // upload.chunk - 1)
        if 0 < chunks * upload.chunk < upload.size
    ])  # fmt: skip


def smaller_chunks(plan: Plan) -> Iterator[Plan]:
    def sizes(upload: UploadPlan) -> list[tuple[int, int]]:
        found = []
        for chunk in (TINY_CHUNK, 64):
            if chunk < upload.chunk and upload.size:
                whole, tail = divmod(upload.size, upload.chunk)
                found.append((whole * chunk + min(tail, chunk - 1), chunk))
        return found

    yield from _resized(plan, sizes)


def _resized(plan: Plan, sizes: Callable[[UploadPlan], list[tuple[int, int]]]) -> Iterator[Plan]:
    for place, upload in enumerate(plan.uploads):
        for size, chunk in sizes(upload):
            info = msgspec.structs.replace(upload.info, size=size)
            small = msgspec.structs.replace(upload, info=info, chunk=min(chunk, size) or 1)
            uploads = summed((*plan.uploads[:place], small, *plan.uploads[place + 1 :]))
            yield msgspec.structs.replace(plan, uploads=uploads)


def smaller_options(plan: Plan) -> Iterator[Plan]:
    """Every number among the workloads' options, lower; values that no workload takes are passed over."""
    for place, client in enumerate(plan.clients):
        kind = WORKLOADS[client.kind]
        now = msgspec.convert(client.options, kind.options)
        for name in kind.options.__struct_fields__:
            value = getattr(now, name)
            if isinstance(value, bool) or not isinstance(value, int):
                continue
            for lower in sorted({0, 1, 2, value // 2}):
                if lower >= value:
                    continue
                options = {**client.options, name: lower}
                try:
                    msgspec.convert(options, kind.options)
                except msgspec.ValidationError:
                    continue
                changed = msgspec.structs.replace(client, options=options)
                clients = (*plan.clients[:place], changed, *plan.clients[place + 1 :])
                yield msgspec.structs.replace(plan, clients=clients)


def tiny(plan: Plan) -> Iterator[Plan]:
    """Far less at once: every upload of a few small chunks, and perhaps a client or an upload fewer."""
    for smaller in (*without_clients(plan), *without_uploads(plan), plan):
        for chunks in (1, 2, 3):
            yield resized(smaller, tuple(_cut(upload, chunks) for upload in smaller.uploads))


def _cut(upload: UploadPlan, chunks: int) -> UploadPlan:
    chunk = min(upload.chunk, TINY_CHUNK)
    info = msgspec.structs.replace(upload.info, size=min(upload.size, chunks * chunk))
    return msgspec.structs.replace(upload, info=info, chunk=chunk)


EDITS: tuple[Callable[[Plan], Iterator[Plan]], ...] = (
    plainer_storage,
    without_clients,
    without_faults,
    without_uploads,
    fewer_replicas,
    more_workers,
    fewer_chunks,
    smaller_options,
    smaller_chunks,
)
"""In the order in which they are tried: what makes a run faster comes first."""
