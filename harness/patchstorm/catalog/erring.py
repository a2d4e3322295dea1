"""Stores that take a call that failed for an answer: the disk says EIO, and they hear "no" or "done"."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from chunkstore.errors import StoreError, UnknownUpload
from chunkstore.files import Files
from chunkstore.protocol import Exchange
from chunkstore.publish import Publisher
from chunkstore.responses import Response, problem
from chunkstore.session import Session
from chunkstore.store import Store
from patchstorm.catalog.locking import OF_A_LOST_UPDATE
from patchstorm.catalog.model import Bug


class LookFailedIsMissing(Exchange):
    """An upload that cannot be looked at is one that nobody made."""

    def _refuse(self, refusal: StoreError) -> Response:
        failed = self._method == "HEAD" and refusal.status >= 500
        return (
            problem(UnknownUpload("There is no such upload."))
            if failed
            else super()._refuse(refusal)
        )


class _TrustingFiles(Files):
    """A rename that failed has happened: it is the repetition of one that did."""

    def replace(self, source: str, target: str, happened: Callable[[], bool]) -> bool:
        with suppress(OSError):
            return super().replace(source, target, happened)
        return True


class RenameFailedIsDone(Store):
    files_type = _TrustingFiles


class _YieldingPublisher(Publisher):
    """A link that failed found the name taken."""

    def _link(self, stage: str, target: str) -> bool:
        try:
            return super()._link(stage, target)
        except OSError:
            return False

    def _publish(self, session: Session, name: str, inode: int) -> None:
        try:
            super()._publish(session, name, inode)
        except OSError:
            raise self._taken(session.info) from None


class LinkFailedIsTaken(Store):
    publisher_type = _YieldingPublisher


def _bug(
    name: str,
    says: str,
    stands_for: str,
    caught_by: tuple[str, ...],
    *,
    also: tuple[str, ...] = (),
    store: type = Store,
    exchange: type[Exchange] = Exchange,
) -> Bug:
    return Bug(
        name=name,
        says=says,
        stands_for=stands_for,
        storms=("failing-calls",),
        caught_by=caught_by,
        also=also,
        deed="fault eio",
        store=store,
        exchange=exchange,
        sim_only="a local file system does not fail",
    )


BUGS = (
    _bug(
        "look-failed-is-missing",
        "HEAD is answered 404 when the disk fails for a moment",
        "except OSError: return None around a look; a client that is told 404 begins anew",
        ("durability", "refusal"),
        exchange=LookFailedIsMissing,
    ),
    _bug(
        "rename-failed-is-done",
        "a rename that fails is taken for one that has happened",
        "an error that is swallowed so that a repetition may pass (rename(2) on NFS)",
        ("durability", "offsets"),
        also=OF_A_LOST_UPDATE,
        store=RenameFailedIsDone,
    ),
    _bug(
        "link-failed-is-taken",
        "a link that fails is taken for a name that somebody else has",
        "every failure of link(2) heard as EEXIST",
        ("refusal",),
        store=LinkFailedIsTaken,
    ),
)
