"""Mistakes where nobody usually looks: who may begin, what a refusal leaves, who finishes unasked."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from chunkstore.body import Body
from chunkstore.errors import StoreError, TargetTaken
from chunkstore.files import READ_BYTES, Files
from chunkstore.layout import Paths
from chunkstore.model import Claims, Info, Record
from chunkstore.protocol import Exchange
from chunkstore.publish import Publisher, Stage
from chunkstore.responses import CreationUnauthorized, Response, problem
from chunkstore.session import Session
from chunkstore.store import Store
from chunkstore.sweep import Sweeper
from patchstorm.catalog.model import Bug

_T = TypeVar("_T")
_PAST = "Thu, 01 Jan 1970 00:00:00 GMT"


class StrangersAdmitted(Exchange):
    """Asks who wants to create for a bearer token, and takes any."""

    def _check_creator(self) -> None:
        if self._settings.creation != "bearer":
            super()._check_creator()
        elif not (self._head.get("authorization") or "").startswith("Bearer "):
            raise CreationUnauthorized("Creating an upload needs a bearer token.")


class ClaimsUnmatched(Store):
    """Serves whatever a signed URL says of an upload, and not what the upload was made with."""

    def _match(self, session: Session, claims: Claims) -> None:
        return


class RefusedCreationLeft(Exchange):
    """Tells nobody the URL of a creation whose bytes were refused, and lets it be."""

    def _forget(self, created: Claims) -> None:
        return


class SweeperLooksAway(Sweeper):
    """Takes away what is dead, and leaves what is complete to those who ask for it."""

    def _finish(self, name: str, paths: Paths, info: Info, now_s: float) -> None:
        return


class SweepsOnly(Store):
    sweeper_type = SweeperLooksAway


class WokenLate(Publisher):
    """Publishes what it has assembled, whoever has published it in the meantime."""

    def _assemble_and_publish(self, claims: Claims, stage: Stage, records: list[Record]) -> Info:
        intended = False
        try:
            damaged = self._assemble(self._store.paths(claims.session), stage, records)
            if damaged is not None:
                return self._returned(claims, damaged)
            with self._store.existing(claims) as session:
                info = session.info
                intended = True
                self._publish(session, stage.name, stage.inode)
                return info
        except TargetTaken:
            intended = False
            raise
        finally:
            self._let_go(stage, keep_name=intended)


class PublishedLate(Store):
    publisher_type = WokenLate


class NamesBelieved(Store):
    """Takes the mount's word for it that there is no such upload."""

    def _listed(self, session: str) -> bool:
        return False


class LateUnjudged(Body):
    """Thanks for what comes after the publication without looking at it."""

    def _judge_late(self, info: Info) -> None:
        return


class LateThanked(Store):
    body_type = LateUnjudged


class HeadFails(Exchange):
    """Answers HEAD with the error as it is, and clients drop the upload."""

    def _refuse(self, refusal: StoreError) -> Response:
        return problem(refusal) if self._method == "HEAD" else super()._refuse(refusal)


class ExpiresInThePast(Exchange):
    """Writes seconds of something else into Upload-Expires."""

    def _answer(self, step: Callable[[], Response | None]) -> Response | None:
        response = super()._answer(step)
        if response is None:
            return None
        told = tuple(
            (name, _PAST if name == "Upload-Expires" else value) for name, value in response.headers
        )
        return Response(response.status, told, response.body)


class ReadOnce(Files):
    """Takes what one read gives for the whole file."""

    def read_json(self, path: str, decode: Callable[[bytes], _T]) -> _T:
        with self.opened(path, os.O_RDONLY) as fd:
            return decode(self.port.pread(fd, READ_BYTES, 0))


class ReadsOnce(Store):
    files_type = ReadOnce


BUGS = (
    Bug(
        name="strangers-admitted",
        says="a creation needs a bearer token, and any will do",
        stands_for="authentication taken for authorization",
        storms=("conformance-bearer",),
        caught_by=("conformance",),
        deed="answer 201",
        exchange=StrangersAdmitted,
        sim_only="only the simulator starts a fleet that does not admit everybody",
    ),
    Bug(
        name="claims-unmatched",
        says="a second signed URL of an upload is served whatever it says of it",
        stands_for="a token believed because its signature is good: RFC 8725, 2.6",
        storms=("conformance-strict",),
        caught_by=("conformance",),
        deed="answer 200",
        store=ClaimsUnmatched,
    ),
    Bug(
        name="refused-creation-left",
        says="a creation whose bytes are refused leaves an upload that nobody knows",
        stands_for="what an error's way out forgets to take back",
        storms=("creating",),
        caught_by=("residue",),
        deed="client POST",
        exchange=RefusedCreationLeft,
        sim_only="real storms of many uploads seldom end with all of them finished before their sweep",
    ),
    Bug(
        name="sweeper-looks-away",
        says="a complete upload is published when somebody asks for it, and not before",
        stands_for="a completion step that hangs on the client's return: tus/tusd#1299",
        storms=("unattended-crash",),
        caught_by=("completion",),
        deed="fault crash-all",
        store=SweepsOnly,
        sim_only="only the simulator asks once more when the sweeper's time is over",
    ),
    Bug(
        name="published-late",
        says="who wakes up with an assembled file publishes it, although another has done so",
        stands_for="a process that stood still and does not look again: Kleppmann, 2016",
        storms=("pause-assembled",),
        caught_by=("publication",),
        deed="fault pause",
        also=("refusal", "availability", "replay", "linearizable"),
        store=PublishedLate,
        sim_only="the moment between two calls is too short to be met by a pause",
    ),
    Bug(
        name="names-believed",
        says="an upload that the mount does not show is called unknown",
        stands_for="negative directory entries over NFS: nfs(5), lookupcache",
        storms=("stale-creating",),
        caught_by=("refusal", "durability"),
        deed="fault stale-entries",
        also=("availability", "completion", "replay", "linearizable", "offsets", "protocol"),
        storages=("nfs4", "nfs3"),
        store=NamesBelieved,
        sim_only="processes on one host share one view of the directory",
    ),
    Bug(
        name="late-unjudged",
        says="bytes that arrive whole only after the publication are thanked for, true or false",
        stands_for="a body that was let in before the upload was finished",
        storms=("late-replays",),
        caught_by=("conflict",),
        deed="client PATCH content 1",
        also=("linearizable",),
        store=LateThanked,
    ),
    Bug(
        name="head-fails",
        says="HEAD is answered 500 when the disk fails for a moment",
        stands_for="tus-js-client forgets an upload whose HEAD fails, unless the answer is 423",
        storms=("failing-disk",),
        caught_by=("availability",),
        deed="fault e*",
        exchange=HeadFails,
        sim_only="a local file system does not fail to read",
    ),
    Bug(
        name="expires-in-the-past",
        says="Upload-Expires names a moment that has long passed",
        stands_for="seconds taken for milliseconds, or of another epoch",
        storms=("sequential",),
        caught_by=("protocol",),
        deed="answer 201 upload-expires",
        exchange=ExpiresInThePast,
        sim_only="the history of real processes does not tell what their clocks show",
    ),
    Bug(
        name="read-once",
        says="what one read gives is taken for the whole file",
        stands_for="read(2): a short read is not the end of the file",
        storms=("failing-disk-overlapped",),
        caught_by=("availability",),
        deed="fault short-read",
        also=("completion",),
        store=ReadsOnce,
        sim_only="a local file system gives a small file whole",
    ),
)
