"""Stores that put the end of an upload's life off, and do not all know of it."""

from __future__ import annotations

from email.utils import formatdate

from chunkstore.protocol import Exchange
from chunkstore.responses import Response
from patchstorm.catalog.model import Bug
from patchstorm.catalog.sequential import SequentialStore

LIFE_S = 6
HEADER = "Upload-Expires"


class _Renewing(Exchange):
    """Says in answers of one kind that the upload lives as long again from now on."""

    of = "PATCH"

    def begin(self) -> Response | None:
        response = super().begin()
        return None if response is None else self.renewed(response)

    def end(self) -> Response:
        return self.renewed(super().end())

    def renewed(self, response: Response) -> Response:
        told = response.header(HEADER)
        if told is None or self._method not in self.of or response.status >= 300:
            return response
        later = formatdate(self._store.files.port.time_ns() // 1_000_000_000 + LIFE_S, usegmt=True)
        kept = tuple(pair for pair in response.headers if pair[0] != HEADER)
        return Response(response.status, (*kept, (HEADER, later)), response.body)


class RenewedByPatch(_Renewing):
    of = "PATCH"


class RenewedByHead(_Renewing):
    of = "HEAD"


class RenewedByAll(_Renewing):
    of = "HEAD PATCH"


def _bug(name: str, says: str, exchange: type[Exchange]) -> Bug:
    return Bug(
        name=name,
        says=says,
        stands_for="Upload-Expires counted from now, and a cleaner that counts from the creation",
        storms=("expiring-late",),
        caught_by=("durability", "refusal"),
        deed="answer 410",
        also=("linearizable", "completion", "availability", "offsets", "publication", "residue"),
        base="sequential",
        store=SequentialStore,
        exchange=exchange,
        sim_only="the history of real processes does not tell what their clocks show",
    )


BUGS = (
    _bug(
        "renewed-by-patch",
        "PATCH announces a new end of the upload's life, and nobody keeps it",
        RenewedByPatch,
    ),
    _bug(
        "renewed-by-head",
        "HEAD announces a new end of the upload's life, and nobody keeps it",
        RenewedByHead,
    ),
    _bug(
        "renewed-by-all",
        "every answer announces a new end of the upload's life, and the first one is kept",
        RenewedByAll,
    ),
)
