"""Mistakes at the end of patience: what is answered where an upload stays busy, in code that hardly runs."""

from __future__ import annotations

from chunkstore.protocol import Exchange
from chunkstore.responses import COMMON, Response
from patchstorm.catalog.model import Bug


class BusyThanked(Exchange):
    """Answers a PATCH whose turn never came as if it had been stored."""

    def busy_response(self) -> Response:
        if self._method != "PATCH":
            return super().busy_response()
        self.abort()
        end = (self.offset or 0) + int(self._head.get("content-length") or 0)
        return self.told(Response(204, (*COMMON, ("Upload-Offset", str(end)))))


class BusyUnanswered(Exchange):
    """Takes what it was busy with for known, where a PATCH never got that far."""

    def busy_response(self) -> Response:
        assert self._body is not None
        return super().busy_response()


BUGS = (
    Bug(
        name="busy-thanked",
        says="a PATCH that has waited in vain for a busy upload is answered as if it had been stored",
        stands_for="a timeout that is mapped to the answer of the happy path",
        storms=("impatient",),
        caught_by=("durability", "offsets", "protocol"),
        deed="answer 204",
        also=(
            "bytes", "completion", "conflict", "linearizable", "publication", "refusal", "replay",
            "status",
        ),
        exchange=BusyThanked,
        sim_only="no storm of real processes sets how long a request waits for a busy upload",
    ),
    Bug(
        name="busy-unanswered",
        says="the answer to a request that has waited in vain fails, unless its body had begun to come",
        stands_for="an error path that no test takes, with a mistake of its own",
        storms=("impatient",),
        caught_by=("availability",),
        deed="answer 500",
        also=("linearizable", "completion"),
        exchange=BusyUnanswered,
        sim_only="no storm of real processes sets how long a request waits for a busy upload",
    ),
)  # fmt: skip
