"""Answers that are not those of tus 1.0.0, or not of this upload."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from chunkstore import protocol_headers as fields
from chunkstore.config import Settings
from chunkstore.errors import Busy, StoreError
from chunkstore.interfaces import Store
from chunkstore.model import Claims
from chunkstore.protocol import Exchange
from chunkstore.protocol_headers import Head
from chunkstore.responses import Response
from patchstorm.catalog.model import Bug
from patchstorm.catalog.sequential import SequentialStore

COLUMN = 16


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


class _Metadata(Exchange):
    """Says something else of the metadata in answers to HEAD."""

    def begin(self) -> Response | None:
        response = super().begin()
        if response is None or self._method != "HEAD" or response.status != 200:
            return response
        told = response.header("Upload-Metadata")
        changed = None if told is None else self.remembered(told, response)
        bare = _without(response, "Upload-Metadata")
        more = () if changed is None else (("Upload-Metadata", changed),)
        return Response(200, (*bare.headers, *more), response.body)

    def remembered(self, metadata: str, response: Response) -> str | None:
        raise NotImplementedError


class MetadataOfTheUnfinished(_Metadata):
    """Forgets the metadata with the record of a finished upload."""

    def remembered(self, metadata: str, response: Response) -> str | None:
        done = response.header("Upload-Offset") == response.header("Upload-Length")
        return None if done else metadata


class MetadataCut(_Metadata):
    """Keeps as much of the metadata as its column is wide."""

    def remembered(self, metadata: str, response: Response) -> str | None:
        return metadata[:COLUMN]


class MetadataEmpty(Exchange):
    """Says the metadata of an upload that has none, which is nothing."""

    def begin(self) -> Response | None:
        response = super().begin()
        if response is None or self._method != "HEAD" or response.status != 200:
            return response
        if response.header("Upload-Metadata") is not None:
            return response
        return Response(200, (*response.headers, ("Upload-Metadata", "")), response.body)


class MetadataOfTheBegun(_Metadata):
    """Drops the metadata with the first bytes, when the record is written anew."""

    def remembered(self, metadata: str, response: Response) -> str | None:
        return metadata if response.header("Upload-Offset") == "0" else None


class BusyIsAnError(Exchange):
    """Answers 500 when somebody else is at work on the upload."""

    def _answer(self, step: Callable[[], Response | None]) -> Response | None:
        try:
            return super()._answer(step)
        except Busy:
            self.abort()
            return self._refuse(StoreError("The upload is busy."))


class VersionUnchecked(Exchange):
    """Serves every version of the protocol alike."""

    def _check_version(self) -> None:
        return


class VersionUnnamed(Exchange):
    """Refuses another version, and does not say which one would be served."""

    def _refuse(self, refusal: StoreError) -> Response:
        return _without(super()._refuse(refusal), "Tus-Version")


class OverrideIgnored(Exchange):
    """Goes by the method of the request line alone."""

    def __init__(self, store: Store, settings: Settings, head: Head) -> None:
        kept = tuple(pair for pair in head.headers if pair[0].lower() != "x-http-method-override")
        plain = Head(method=head.method, path=head.path, query=head.query, headers=kept)
        super().__init__(store, settings, plain)


class UnknownChecksumIgnored(Exchange):
    """Takes a checksum of an algorithm that it does not know for none."""

    def _check_body(self, claims: Claims, offset: int) -> None:
        text = self._head.get("upload-checksum")
        if text is not None and text.partition(" ")[0] not in fields.DIGEST_BYTES:
            kept = tuple(p for p in self._head.headers if p[0].lower() != "upload-checksum")
            self._head = Head(
                method=self._head.method, path=self._head.path, query=self._head.query, headers=kept
            )
        super()._check_body(claims, offset)


class UnnamedTogether(Exchange):
    """Has one name for all the files that nobody named."""

    def _new_claims(self, metadata: str) -> Claims:
        claims = super()._new_claims(metadata)
        unnamed = claims.target == claims.session
        return msgspec.structs.replace(claims, target="upload") if unnamed else claims


class OffsetBeyondAccepted(SequentialStore):
    """Refuses what has come already, and takes what lies beyond the current offset."""

    def check_offset(self, current: int, offset: int) -> None:
        if offset < current:
            super().check_offset(current, offset)


BUGS = (
    Bug(
        name="metadata-of-the-unfinished",
        says="HEAD of a finished upload leaves out its metadata",
        stands_for="tus 1.0.0, creation: HEAD gives the metadata back, whenever it is asked",
        storms=("sequential", "late-replays"),
        caught_by=("protocol",),
        deed="client HEAD",
        exchange=MetadataOfTheUnfinished,
    ),
    Bug(
        name="metadata-cut",
        says="HEAD gives back what of the metadata fits into a column",
        stands_for="VARCHAR(16): a value that is cut, and no error",
        storms=("sequential",),
        caught_by=("protocol",),
        deed="client HEAD",
        exchange=MetadataCut,
    ),
    Bug(
        name="metadata-of-the-begun",
        says="the metadata is gone with the first bytes of the upload",
        stands_for="a record that is written anew from the fields that the writer knows",
        storms=("sequential",),
        caught_by=("protocol",),
        deed="client HEAD",
        exchange=MetadataOfTheBegun,
    ),
    Bug(
        name="metadata-empty",
        says="HEAD of an upload that was created without metadata gives an empty Upload-Metadata",
        stands_for="tus 1.0.0, creation: the header consists of one or more pairs, and clients parse it",
        storms=("unnamed", "creating"),
        caught_by=("protocol",),
        deed="client HEAD",
        exchange=MetadataEmpty,
    ),
    Bug(
        name="head-cacheable",
        says="HEAD is answered without Cache-Control: no-store",
        stands_for="tus 1.0.0, HEAD: an offset from a cache is an old one",
        storms=("sequential",),
        caught_by=("protocol",),
        deed="answer 200 [tus-resumable",
        exchange=CacheableHead,
    ),
    Bug(
        name="refusals-versionless",
        says="refusals come without Tus-Resumable",
        stands_for="tus 1.0.0, headers: an error page that another layer makes",
        storms=("conflicting",),
        caught_by=("protocol",),
        deed="answer 409 [cache-control",
        exchange=VersionlessRefusals,
    ),
    Bug(
        name="offset-of-the-gone",
        says="404 and 410 carry an Upload-Offset",
        stands_for="tus 1.0.0, HEAD: a client would resume what is not there",
        storms=("late-after-termination", "terminating"),
        caught_by=("protocol",),
        deed="answer 410 upload-offset",
        also=("offsets", "linearizable", "durability"),
        exchange=OffsetOfTheGone,
    ),
    Bug(
        name="length-of-what-came",
        says="HEAD gives what has come for Upload-Length",
        stands_for="an upload that looks finished whenever it is asked",
        storms=("sequential",),
        caught_by=("protocol",),
        deed="answer 200 upload-length: 0",
        also=("publication",),
        exchange=LengthOfWhatCame,
    ),
    Bug(
        name="busy-is-an-error",
        says="an upload that somebody else is working on is answered 500",
        stands_for="contention told as a failure: tus/tusd#1356",
        storms=("parallel",),
        caught_by=("availability",),
        deed="answer 500",
        also=("completion", "publication", "residue"),
        exchange=BusyIsAnError,
    ),
    Bug(
        name="version-unchecked",
        says="a request of any version of the protocol is served",
        stands_for="tus 1.0.0, Tus-Resumable: another version is 412, and nothing is processed",
        storms=("conformance",),
        caught_by=("conformance",),
        deed="answer 201",
        exchange=VersionUnchecked,
    ),
    Bug(
        name="version-unnamed",
        says="another version is refused without the version that would be served",
        stands_for="tus 1.0.0, Tus-Version: a 412 has to carry it",
        storms=("conformance",),
        caught_by=("conformance",),
        deed="answer 412",
        exchange=VersionUnnamed,
    ),
    Bug(
        name="override-ignored",
        says="X-HTTP-Method-Override is not looked at",
        stands_for="tus 1.0.0, X-HTTP-Method-Override: clients that cannot send PATCH",
        storms=("conformance",),
        caught_by=("conformance",),
        deed="client POST X-HTTP-Method-Override",
        exchange=OverrideIgnored,
    ),
    Bug(
        name="unknown-checksum-ignored",
        says="a checksum of an unknown algorithm is taken for none",
        stands_for="tus 1.0.0, checksum: an algorithm that is not supported is 400",
        storms=("checksums-malformed", "conformance"),
        caught_by=("checksum", "conformance"),
        deed="client PATCH md99",
        also=("bytes", "conflict", "durability", "linearizable", "replay"),
        exchange=UnknownChecksumIgnored,
    ),
    Bug(
        name="unnamed-together",
        says="all uploads that ask for no name are published under one",
        stands_for="a default name where each upload needs one of its own",
        storms=("unnamed",),
        caught_by=("publication", "durability"),
        deed="request link upload",
        also=(
            "availability",
            "completion",
            "conflict",
            "linearizable",
            "refusal",
            "replay",
            "residue",
        ),
        exchange=UnnamedTogether,
    ),
    Bug(
        name="offset-beyond-accepted",
        says="a PATCH beyond the current offset is accepted, and leaves a hole",
        stands_for="tus 1.0.0, PATCH: an offset that is not the current one is 409",
        storms=("conformance",),
        caught_by=("conformance", "bytes", "protocol"),
        deed="client PATCH Upload-Offset",
        also=("offsets", "linearizable", "durability", "publication", "completion"),
        base="sequential",
        store=OffsetBeyondAccepted,
    ),
)
