"""program: the client is a program that somebody else wrote, and its connections are broken on the way.

The harness writes the upload's bytes to a file and starts the program with it, and with the address of a
gateway of its own on loopback. Each request that the program makes there is sent on to a replica that the
seed draws, as an operation of the history like any other. Of ``broken_permille`` of them, ``broken_max`` at
most, the connection breaks: before a byte has been sent on, within the body, or after it, so that the answer
is lost; the program finds its own connection reset. What else a storm's faults do reaches it the same way.

The first upload of the client is the program's file. Programs begin anew when no answer to a creation
reached them, or when one that asks how far the upload is was refused; each time that they do so although
they know of an upload that is there, the next one of the client's stands for it. Where there is no next one
the program is stopped.

One request of a program is under way at a time; those that come meanwhile wait for their turn.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec.structs import replace

from patchstorm.dialect.operations import Mischief
from patchstorm.scenario.actions import Answer, Asked, Give, Send, Start, Stop, Take, Workload
from patchstorm.scenario.options import count, millis, permille, size, words
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import GOOD

ANEW = "it began an upload anew, and the plan has no other for it"


class Options(msgspec.Struct, frozen=True):
    program: Annotated[
        Literal["tuspy", "tus-js-client", "tus-java-client"], words("whose client it is")
    ] = "tuspy"
    command: Annotated[
        str,
        words(
            "what is run instead, in words as a shell has them, with `{endpoint}` and `{file}` in it"
        ),
    ] = ""
    request_bytes: Annotated[
        int, size(0, "how much it is told to send in a request; 0: as it does by itself")
    ] = 65_536
    broken_permille: Annotated[int, permille("how many requests have their connection broken")] = (
        300
    )
    broken_max: Annotated[int, count(0, 1_000, "and how many at most")] = 12
    within_ms: Annotated[int, millis("how long it may run until it is killed")] = 90_000


def program(ctx: Context, options: Options) -> Workload:
    first, *others = ctx.uploads
    yield Start(
        program=options.program,
        command=options.command,
        upload=first.id,
        chunk=options.request_bytes,
        within_ms=options.within_ms,
    )
    breaking = _Breaking(ctx, options)
    newest, known = first, False
    while True:
        asked: Asked | None = yield Take()
        if asked is None:
            return
        request = asked.request
        if request.kind == "create" and known:
            if not others:
                yield Stop(why=ANEW)
                return
            newest, known = others.pop(0), False
        if not request.upload:
            request = replace(request, upload=newest.id)
        answer: Answer = yield breaking.sent(replace(asked, request=request))
        known = known or (request.kind == "create" and answer.ok)
        yield Give(answer=answer, upload=request.upload)


class _Breaking:
    """Which of a program's connections break, and where."""

    def __init__(self, ctx: Context, options: Options) -> None:
        self._ctx = ctx
        self._permille = options.broken_permille
        self._left = options.broken_max

    def sent(self, asked: Asked) -> Send:
        """What is sent on of a request. One whose body did not come whole breaks off where the body did."""
        request = replace(asked.request, replica=self._ctx.replica())
        if asked.came < request.length:
            return Send(request=request, mischief=Mischief(cut_after=asked.came))
        mischief = GOOD
        if self._left and self._ctx.chance("broken", self._permille):
            self._left -= 1
            mischief = self._mischief(request.length)
        return Send(request=request, mischief=mischief)

    def _mischief(self, length: int) -> Mischief:
        where = self._ctx.draw("broken/where", 3 if length > 1 else 2)
        if where == 0:
            return Mischief(drop_response=True)
        if where == 1:
            return Mischief(lose_request=True)
        return Mischief(cut_after=self._ctx.draw("broken/at", length))


KIND = WorkloadKind(
    name="program",
    says="a tus client that others wrote uploads a file while its connections are broken",
    run=program,
    options=Options,
    creates=True,
    needs=("creation",),
)
