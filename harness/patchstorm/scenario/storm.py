"""A plan as three workloads: open the uploads, storm them, close what is left.

A world drives ``opening``, arms the plan's ``world_faults``, drives ``storm``, heals everything, and
drives ``closing``. Each is pure and takes its choices from the plan's seed; another chooser can be given, to
replay or to shrink.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import msgspec
from msgspec.structs import replace

from patchstorm.choice.chooser import Chooser, TaskChooser, seeded
from patchstorm.scenario.actions import Sleep, Together, Workload
from patchstorm.scenario.births import Births, brought_about
from patchstorm.scenario.disturb import Network
from patchstorm.scenario.modifiers import Modifiers
from patchstorm.scenario.plan import ClientPlan, Plan, UploadPlan
from patchstorm.scenario.workloads import WORKLOADS
from patchstorm.scenario.workloads.base import Context
from patchstorm.scenario.workloads.client import Move, advance, head
from patchstorm.scenario.workloads.resuming import send_missing, status
from patchstorm.scenario.workloads.settling import finished
from patchstorm.storage.guarantees import guarantees
from patchstorm.storage.parse import parse_flavour

CLOSING_TRIES = 24
CONTESTED_TRIES = 6  # who lost the name is told 423 for as long as it asks
OPENING_AT_ONCE = 16


def opening(plan: Plan, chooser: Chooser | None = None) -> Move[tuple[str, ...]]:
    """Create every upload that no client creates itself; returns the ids that could not be."""
    choices = chooser or seeded(plan.seed, plan.scenario, plan.index, "opening")
    owned = {
        upload
        for client in plan.clients
        if WORKLOADS[client.kind].creates
        for upload in client.uploads
    }
    uploads = [
        upload for upload in plan.uploads if upload.id not in owned and upload.born_ms is None
    ]
    parts = [
        _create_all(context(plan, choices, f"opening.{i}", lane), lane)
        for i in range(OPENING_AT_ONCE)
        if (lane := uploads[i::OPENING_AT_ONCE])
    ]
    failed: list[list[str]] = yield Together(workloads=tuple(parts))
    return tuple(ident for lane in failed for ident in lane)


def storm(plan: Plan, chooser: Chooser | None = None, *, dialect: str = "tus") -> Workload:
    """All clients at once, under the plan's network faults; ``dialect`` is the name of the target's."""
    choices = chooser or seeded(plan.seed, plan.scenario, plan.index, "storm")
    network = Network([fault for fault in plan.faults if fault.in_workload], choices, plan.replicas)
    return network.around(_clients(plan, choices, dialect))


def closing(plan: Plan, chooser: Chooser | None = None) -> Workload:
    """After healing. ``client``: resend what is missing; ``sweeper``: do nothing at all.

    An upload that is gone (terminated, expired) or refused for good (a lost rivalry) is left as it is.
    """
    if plan.closing == "sweeper":
        return
    choices = chooser or seeded(plan.seed, plan.scenario, plan.index, "closing")
    parts = []
    for upload in plan.uploads:
        ctx = context(plan, choices, f"closing.{upload.id}", (upload,))
        tries = CONTESTED_TRIES if _contested(plan, upload) else CLOSING_TRIES
        parts.append(_close(replace(ctx, tries=tries), upload))
    yield Together(workloads=tuple(parts), names=tuple(f"closing.{u.id}" for u in plan.uploads))


def coda(plan: Plan, chooser: Chooser | None = None) -> Workload:
    """When the sweeper alone has had its time: ask once where each upload stands, and send nothing.

    Who hears that an upload is complete, and had seen no file of it until then, knows that nobody but a
    client would ever have finished it. Of rivals, and of what expires, that cannot be said.
    """
    choices = chooser or seeded(plan.seed, plan.scenario, plan.index, "coda")
    parts = []
    for upload in plan.uploads:
        rivals = [other for other in plan.uploads if other.info.target == upload.info.target]
        if len(rivals) == 1 and upload.info.expires_ms is None:
            ctx = context(plan, choices, f"coda.{upload.id}", (upload,))
            parts.append(head(replace(ctx, tries=1), upload))
    yield Together(workloads=tuple(parts))


def context(plan: Plan, choices: Chooser, client: str, uploads: Iterable[UploadPlan]) -> Context:
    """What a client of this plan is given."""
    return Context(
        client=client,
        uploads=tuple(uploads),
        choices=choices,
        task=TaskChooser(choices, client),
        capabilities=frozenset(plan.capabilities),
        reading=plan.reading,
        replicas=plan.replicas,
        names_lag=_names_lag(plan.storage),
    )


@cache
def _names_lag(storage: str | None) -> bool:
    """Whether a storage, None for the world's own, does not promise that hosts see each other's names.

    Of a directory of somebody's own nobody knows what it lies on.
    """
    if storage is None:
        return False
    return storage.startswith("dir:") or "coherent-names" not in guarantees(parse_flavour(storage))


def client_workload(
    plan: Plan, client: ClientPlan, choices: Chooser, dialect: str, births: Births
) -> Workload:
    """One client's generator, its options complete with their defaults."""
    kind = WORKLOADS[client.kind]
    by_id = {upload.id: upload for upload in plan.uploads}
    ctx = context(plan, choices, client.name, [by_id[ident] for ident in client.uploads])
    ctx = replace(ctx, dialect=dialect)
    options = msgspec.convert(client.options, kind.options)
    if client.start_ms:
        yield Sleep(ms=client.start_ms)
    there = yield from births.there(ctx.part("birth"), ctx.uploads, client.name)
    if not there:
        return None
    result = yield from kind.run(ctx, options)
    return result


def _clients(plan: Plan, choices: Chooser, dialect: str) -> Workload:
    births = Births(plan)
    parts = []
    for client in plan.clients:
        part = client_workload(plan, client, choices, dialect, births)
        parts.append(Modifiers(plan, client, choices).around(part) if client.modifiers else part)
    yield Together(workloads=tuple(parts), names=tuple(client.name for client in plan.clients))


def _create_all(ctx: Context, uploads: Iterable[UploadPlan]) -> Move[list[str]]:
    failed = []
    for upload in uploads:
        created = yield from brought_about(ctx, upload)
        if not created:
            failed.append(upload.id)
    return failed


def _contested(plan: Plan, upload: UploadPlan) -> bool:
    """Whether another upload wants the same name, and only one can have it."""
    rivals = [other for other in plan.uploads if other.info.target == upload.info.target]
    return len(rivals) > 1 and not upload.info.overwrite


def _close(ctx: Context, upload: UploadPlan) -> Workload:
    """HEAD, resend, and HEAD again: the last word is the server's.

    Where somebody else's bytes lie in the way of a whole chunk (409), the status document says which
    gaps are left round them. Every other time it is asked for first, since what the storm has left missing
    is not missing for long, and every other time of what is finished.
    What was created without a length is sent up to the one that counts; what is joined is not sent at all.
    """
    if upload.info.parts:
        yield from head(ctx, upload)
        return
    if "status" in ctx.capabilities and ctx.chance("status first", 500):
        yield from status(ctx, upload, replica=ctx.replica())
    if upload.info.deferred:
        reached = yield from finished(ctx, upload)
    else:
        reached = yield from advance(ctx, upload)
    if reached is None:
        return
    if reached < upload.size and not ctx.sequential and "status" in ctx.capabilities:
        yield from send_missing(ctx, upload)
    last = yield from head(ctx, upload)
    if last == upload.size and "status" in ctx.capabilities and ctx.chance("status", 500):
        yield from status(ctx, upload, replica=ctx.replica())
