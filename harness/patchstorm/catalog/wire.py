"""Answers that are not those of tus 1.0.0, or not of this upload."""

from __future__ import annotations

from collections.abc import Callable

from chunkstore.errors import Busy, StoreError
from chunkstore.protocol import Exchange
from chunkstore.responses import Response
from patchstorm.catalog.model import Bug


def _without(response: Response, *names: str) -> Response:
    kept = tuple(pair for pair in response.headers if pair[0] not in names)
    return Response(response.status, kept, response.body)


class CacheableHead(Exchange):
    """Lets caches keep what HEAD says."""

    def begin(self) -> Response | None:
        response = super().begin()
        return (
            _without(response, "Cache-Control") if response and self._method == "HEAD" else response
        )


class VersionlessRefusals(Exchange):
    """Forgets Tus-Resumable where a request is refused."""

    def _refuse(self, refusal: StoreError) -> Response:
        return _without(super()._refuse(refusal), "Tus-Resumable")


class OffsetOfTheGone(Exchange):
    """Says an offset of an upload that it says is not there."""

    def _refuse(self, refusal: StoreError) -> Response:
        response = super()._refuse(refusal)
        if response.status not in (404, 410):
            return response
        return Response(response.status, (*response.headers, ("Upload-Offset", "0")), response.body)


class LengthOfWhatCame(Exchange):
    """Takes what has come for the length of the upload."""

    def begin(self) -> Response | None:
        response = super().begin()
        if response is None or self._method != "HEAD" or response.status != 200:
            return response
        offset = response.header("Upload-Offset") or "0"
        headers = (*_without(response, "Upload-Length").headers, ("Upload-Length", offset))
        return Response(200, headers, response.body)


class BusyIsAnError(Exchange):
    """Answers 500 when somebody else is at work on the upload."""

    def _answer(self, step: Callable[[], Response | None]) -> Response | None:
        try:
            return super()._answer(step)
        except Busy:
            self.abort()
            return self._refuse(StoreError("The upload is busy."))


BUGS = (
    Bug(
        name="head-cacheable",
        says="HEAD is answered without Cache-Control: no-store",
        stands_for="tus 1.0.0, HEAD: an offset from a cache is an old one",
        storms=("sequential",),
        caught_by=("protocol",),
        exchange=CacheableHead,
    ),
    Bug(
        name="refusals-versionless",
        says="refusals come without Tus-Resumable",
        stands_for="tus 1.0.0, headers: an error page that another layer makes",
        storms=("conflicting",),
        caught_by=("protocol",),
        exchange=VersionlessRefusals,
    ),
    Bug(
        name="offset-of-the-gone",
        says="404 and 410 carry an Upload-Offset",
        stands_for="tus 1.0.0, HEAD: a client would resume what is not there",
        storms=("late-after-termination", "terminating"),
        caught_by=("protocol",),
        also=("offsets", "linearizable", "durability"),
        exchange=OffsetOfTheGone,
    ),
    Bug(
        name="length-of-what-came",
        says="HEAD gives what has come for Upload-Length",
        stands_for="an upload that looks finished whenever it is asked",
        storms=("sequential",),
        caught_by=("protocol",),
        also=("publication",),
        exchange=LengthOfWhatCame,
    ),
    Bug(
        name="busy-is-an-error",
        says="an upload that somebody else is working on is answered 500",
        stands_for="contention told as a failure: tus/tusd#1356",
        storms=("parallel",),
        caught_by=("availability",),
        also=("completion", "publication", "residue"),
        exchange=BusyIsAnError,
    ),
)
