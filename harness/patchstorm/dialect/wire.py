"""How one server is spoken to: the table ``wire`` of a target's file."""

from __future__ import annotations

import msgspec

from patchstorm.history.model import DocumentFields, Progress


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests are spelt.

    ``path`` takes POST and OPTIONS. ``status`` is the path of the status document, with ``{path}``
    and ``{query}`` of the upload's own URL. ``id`` says where that URL holds the server's name for
    the upload: ``path`` (its last segment), a query parameter, or ``PARAMETER:CLAIM`` where the
    parameter is a JWT. ``metadata`` are further pairs for a creation's metadata, with ``{target}`` for the
    name asked for. ``chunked`` False: the server takes no body without a length, so none is sent.
    ``minted`` is the URL, with ``{token}``, of an upload that no creation made: the token is a JWT of
    the fleet's secret (:mod:`patchstorm.dialect.tus.minting`). ``progress`` names headers
    in which the server tells how much is stored, ``document`` the fields of its status document.
    ``request_ms`` bounds one request, from connecting to the last byte of the answer.
    """

    path: str
    status: str | None = None
    id: str = "path"
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    chunked: bool = True
    minted: str | None = None
    progress: Progress | None = None
    document: DocumentFields = DocumentFields()
    request_ms: int = 10_000
