"""What any client may do besides, now and then: modifiers, put on a client's PATCHes from outside.

A client sends as its workload says; a modifier changes one of its PATCHes, sends something beside it,
before it or after it. Each is drawn for each PATCH by itself, at the rate that the plan gives the client.
Only honest PATCHes under no mischief of their own are changed. What a modifier sends goes under the
client's name with the modifier's behind it (``c0+late``), so that a history tells which of them were met.

Under ``false`` bodies that contradict come only after the same range was acknowledged (see
:mod:`patchstorm.scenario.contradicting`).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from msgspec.structs import replace

from patchstorm.choice.chooser import Chooser
from patchstorm.dialect.operations import Mischief, Request
from patchstorm.scenario.actions import Action, Answer, Send, Together, Workload
from patchstorm.scenario.contradicting import contradicting
from patchstorm.scenario.plan import ClientPlan, Plan, UploadPlan
from patchstorm.scenario.workloads.checksums import algorithms
from patchstorm.scenario.workloads.client import GOOD, single
from patchstorm.scenario.wrapping import wrapped

MODIFIERS: Final[dict[str, str]] = {
    "checksum": "it carries a right checksum",
    "mismatch": "its bytes are also sent with a wrong checksum: before it, beside it or after it",
    "head": "a HEAD is asked beside it",
    "status": "the status document is asked beside it",
    "overlap": "true bytes that overlap its range are sent beside it",
    "twin": "it is delivered twice, at two replicas",
    "again": "an earlier one that was acknowledged is sent once more after it",
    "cut": "its body breaks off first, and then it is sent whole",
    "late": "its body stands still halfway",
    "rest": "it carries all the rest of the upload",
    "lost": "its answer gets lost, and it is sent again elsewhere",
    "false": "after it was acknowledged, bytes that contradict it in part are sent for its range",
}
NEEDS: Final[dict[str, str]] = {"status": "status"}
"""Without this capability there is nothing to be sent."""
STALLS_MS: Final = (4, 40, 300, 3_000)
"""The last is longer than anybody need wait for a lock."""
_PLACES: Final = ("after", "before", "beside")


def unfit(modifier: str, capabilities: frozenset[str]) -> str | None:
    """Why a target with these capabilities is never sent this; None if it is."""
    if modifier in ("checksum", "mismatch") and not algorithms(capabilities):
        return "the target announces no checksum"
    needed = NEEDS.get(modifier)
    if needed is not None and needed not in capabilities:
        return f"the target does not declare {needed}"
    return None


class Modifiers:
    """The modifiers of one client; its draws are keyed by the delivery that they concern."""

    def __init__(self, plan: Plan, client: ClientPlan, chooser: Chooser) -> None:
        self._rates = client.modifiers
        self._name = client.name
        self._chooser = chooser
        self._replicas = plan.replicas
        self._uploads = {upload.id: upload for upload in plan.uploads}
        self._algorithms = algorithms(frozenset(plan.capabilities))
        self._acknowledged: list[Send] = []

    def around(self, workload: Workload) -> Workload:
        """``workload`` with its PATCHes modified. It ends and returns as it would alone."""
        return wrapped(workload, _plain, self._delivered)

    # -- one PATCH ----------------------------------------------------------------------------------

    def _delivered(self, send: Send) -> Generator[Action, Any, Answer]:
        names: list[str] = []
        send = self._changed(send, names)
        mismatch = self._place("mismatch", send)
        if mismatch == "before":
            yield from self._alone("mismatch", self._mismatch(send))
        if self._hit("cut", send):
            after = self._draw("cut-after", send, send.request.length)
            yield from self._alone("cut", replace(send, mischief=Mischief(cut_after=after)))
        if self._hit("lost", send):
            lost = replace(self._elsewhere(send), mischief=Mischief(drop_response=True))
            yield from self._alone("lost", lost)
        beside = self._beside(send)
        if mismatch == "beside":
            beside.append(("mismatch", self._mismatch(send)))
        own = f"{self._name}+{'+'.join(names)}" if names else self._name
        if not beside and not names:
            answer: Answer = yield send
        else:
            parts = (single(send), *(single(one) for _, one in beside))
            told = (own, *(f"{self._name}+{name}" for name, _ in beside))
            answers: list[Answer] = yield Together(workloads=parts, names=told)
            answer = answers[0]
        if answer.ok:
            yield from self._after(send)
            if mismatch == "after":
                yield from self._alone("mismatch", self._mismatch(send))
        return answer

    def _changed(self, send: Send, names: list[str]) -> Send:
        request = send.request
        left = self._uploads[request.upload].size - request.offset
        if left > request.length and self._hit("rest", send):
            names.append("rest")
            request = replace(request, length=left)
        if self._algorithms and request.checksum == "none" and self._hit("checksum", send):
            names.append("checksum")
            which = self._draw("algorithm", send, len(self._algorithms))
            request = replace(request, checksum="right", algorithm=self._algorithms[which])
        mischief = GOOD
        if self._hit("late", send):
            names.append("late")
            stall_ms = STALLS_MS[self._draw("stall", send, len(STALLS_MS))]
            after = self._draw("stall-after", send, request.length)
            mischief = Mischief(stall_after=after, stall_ms=stall_ms)
        return replace(self._of(send, request), mischief=mischief)

    def _beside(self, send: Send) -> list[tuple[str, Send]]:
        request, found = send.request, []
        where = self._replica("beside", send)
        if self._hit("head", send):
            asked = Request(kind="query", upload=request.upload, replica=where)
            found.append(("head", Send(request=asked)))
        if self._hit("status", send):
            asked = Request(kind="status", upload=request.upload, replica=where)
            found.append(("status", Send(request=asked)))
        inside = request.length and request.offset < self._uploads[request.upload].size
        if self._hit("overlap", send) and inside:  # what lies past the end overlaps nothing true
            found.append(("overlap", self._overlap(send)))
        if self._hit("twin", send):
            found.append(("twin", replace(self._elsewhere(send), mischief=GOOD)))
        return found

    def _overlap(self, send: Send) -> Send:
        """True bytes from a little before, or from the middle, to the middle, or a little beyond."""
        request = send.request
        upload: UploadPlan = self._uploads[request.upload]
        begin = request.offset + self._draw("into", send, request.length)
        if self._draw("back", send, 2):
            begin = request.offset - self._draw("before", send, min(request.offset, 64) + 1)
        begin = min(begin, upload.size - 1)
        end = begin + 1 + self._draw("length", send, min(request.length + 32, upload.size - begin))
        other = replace(request, offset=begin, length=min(end, upload.size) - begin)
        return replace(self._of(send, replace(other, replica=self._replica("overlap", send))),
                       mischief=GOOD)  # fmt: skip

    def _after(self, send: Send) -> Generator[Action, Any, None]:
        if self._acknowledged and self._hit("again", send):
            earlier = self._acknowledged[self._draw("which", send, len(self._acknowledged))]
            yield from self._alone("again", self._elsewhere(earlier))
        if self._hit("false", send):
            yield from self._alone("false", self._contradicting(send))
        self._acknowledged.append(replace(send, mischief=GOOD))

    def _contradicting(self, send: Send) -> Send:
        """Another body for an acknowledged range: false from a point on, up to one, or true bytes astray."""
        false = contradicting(send.request, lambda what, n: self._draw(what, send, n))
        return replace(self._of(send, false), mischief=GOOD)

    def _place(self, modifier: str, send: Send) -> str | None:
        """When what a modifier sends goes out; None where it sends nothing."""
        if not self._hit(modifier, send):
            return None
        return _PLACES[self._draw(f"{modifier}-place", send, len(_PLACES))]

    def _mismatch(self, send: Send) -> Send:
        """The same bytes, elsewhere, with a checksum that is not theirs."""
        which = self._draw("mismatch-algorithm", send, len(self._algorithms))
        elsewhere = self._elsewhere(send).request
        wrong = replace(elsewhere, checksum="wrong", algorithm=self._algorithms[which])
        return replace(self._of(send, wrong), mischief=GOOD)

    # -- what they are made of ----------------------------------------------------------------------

    def _alone(self, name: str, send: Send) -> Generator[Action, Any, None]:
        yield Together(workloads=(single(send),), names=(f"{self._name}+{name}",))

    def _elsewhere(self, send: Send) -> Send:
        request = replace(send.request, replica=self._replica("elsewhere", send))
        return replace(send, request=request)

    def _of(self, send: Send, request: Request) -> Send:
        """``send`` with this request; deliveries of the same bytes and headers share a name."""
        if request == send.request:
            return send
        name = f"{self._name}/{request.upload}/{request.offset}+{request.length}/{request.content}"
        likeness = "" if request.honest is None else f"/{request.honest}"
        likeness += "/inverted" if request.inverted else ""
        if request.declares is not None:
            likeness += f"/of {request.declares}"
        swapped = "" if request.swapped_at is None else "/swapped"
        named = f"{name}/{request.checksum}/{request.algorithm}{likeness}{swapped}"
        return replace(send, request=request, delivery=named)

    def _hit(self, modifier: str, send: Send) -> bool:
        rate = self._rates.get(modifier, 0)
        return rate > 0 and (rate >= 1000 or 1 <= self._draw(modifier, send, 1000) <= rate)

    def _replica(self, what: str, send: Send) -> int:
        first = send.request.replica or 0
        return (first + 1 + self._draw(what, send, max(1, self._replicas - 1))) % self._replicas

    def _draw(self, what: str, send: Send, n: int) -> int:
        return self._chooser.draw(f"{self._name}+{what}/{send.delivery}", n)


def _plain(send: Send) -> bool:
    request = send.request
    honest = request.kind == "append" and request.content == 0 and request.length > 0
    return honest and send.mischief == GOOD and request.checksum in ("none", "right")
