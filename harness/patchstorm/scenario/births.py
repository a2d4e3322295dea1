"""Uploads that are made in the middle of a storm: one of their clients makes them, the others wait.

A server without creation-with-upload is otherwise never asked for a new upload while it is at work on
another.
"""

from __future__ import annotations

from typing import Final

from patchstorm.scenario.actions import Mint, Sleep
from patchstorm.scenario.plan import Plan, UploadPlan
from patchstorm.scenario.workloads.base import Context
from patchstorm.scenario.workloads.client import Move
from patchstorm.scenario.workloads.creating import create

POLL_MS: Final = 5
POLLS_MAX: Final = 2_000


class Births:
    """The uploads of one storm that are not there when it begins; shared by all of its clients."""

    def __init__(self, plan: Plan) -> None:
        self._maker: dict[str, str] = {}
        for client in plan.clients:
            for ident in client.uploads:
                self._maker.setdefault(ident, client.name)
        self._there: dict[str, bool] = {}

    def there(self, ctx: Context, uploads: tuple[UploadPlan, ...], client: str) -> Move[bool]:
        """Until each of ``uploads`` is there, made by ``client`` where that is its part; False if one is
        not."""
        for upload in uploads:
            if upload.born_ms is None:
                continue
            if self._maker[upload.id] == client:
                yield from self._made(ctx, upload)
            for _ in range(POLLS_MAX):
                if upload.id in self._there:
                    break
                yield Sleep(ms=POLL_MS)
            if not self._there.get(upload.id, False):
                return False
        return True

    def _made(self, ctx: Context, upload: UploadPlan) -> Move[None]:
        if upload.born_ms:
            yield Sleep(ms=upload.born_ms)
        self._there[upload.id] = yield from brought_about(ctx, upload)


def brought_about(ctx: Context, upload: UploadPlan) -> Move[bool]:
    """Create ``upload``, or have its URL minted; False if the server would not create it."""
    if upload.minted or "creation-off" in ctx.capabilities:
        yield Mint(upload=upload.id)
        return True
    created = yield from create(ctx, upload)
    return created
