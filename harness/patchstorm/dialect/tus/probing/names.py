"""Whether an upload is published under the name that its creation asks for, and under no other."""

from __future__ import annotations

from patchstorm.dialect.probed import Probed
from patchstorm.dialect.tus.codec import created_url
from patchstorm.dialect.tus.probing.bench import Bench, described
from patchstorm.dialect.tus.probing.sound import PART, SIZE

NAME = "named-targets"
WANTED = "probe-wanted.bin"
OUTSIDE = "../probe-outside.bin"


async def named_targets(bench: Bench) -> Probed:
    """A free name is given, a taken one is refused and not varied, and none that leaves the root is taken."""
    if bench.way != "path" or "{target}" not in bench.published or "{id}" in bench.published:
        return _is(False, f"finished files lie at `{bench.published}`, or where the server likes")
    first = await bench.create(SIZE, WANTED)
    if not await bench.completed(first, 0):
        return _is(False, f"no file `{bench.path(first)}` for the name {WANTED}")
    collision = await _collided(bench)
    if collision.does is False:
        return collision
    reply, _ = await bench.post(PART, target=OUTSIDE, any_status=True)
    url = created_url(bench.ground.wire, reply)
    if url is not None:
        return _is(False, f"a creation that asks for `{OUTSIDE}` is answered {reply.status}")
    says = f"{collision.says}; a creation that asks for `{OUTSIDE}`: {described(reply)}"
    return _is(collision.does if reply.status < 500 else None, says)


async def _collided(bench: Bench) -> Probed:
    """What comes of an upload whose name another has: refused, at any time, is as it should be."""
    reply, number = await bench.post(SIZE, target=WANTED, any_status=True)
    url = created_url(bench.ground.wire, reply)
    if url is None:
        return _is(True if reply.status < 500 else None, f"{WANTED}, taken: {described(reply)}")
    made = bench.made(number, SIZE, url, WANTED)
    wanted = made.body(0, SIZE)
    reply = await bench.patch(url, 0, wanted)
    if reply.status >= 300:
        return _is(True, f"{WANTED}, taken: {described(reply)}")
    await bench.rest()
    if bench.ground.read(bench.path(made)) == wanted:
        return _is(None, f"an upload that asks for {WANTED} replaces another's file, unasked")
    others = bench.holding(wanted)
    if others:
        return _is(False, f"asked for {WANTED}, which is taken, it publishes `{others[0]}`")
    return _is(None, f"an upload that asks for {WANTED}, which is taken, is accepted and lost")


def _is(does: bool | None, says: str) -> Probed:
    return Probed(capability=NAME, does=does, says=says)
