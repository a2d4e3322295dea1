"""Stores that tell the loser of a name nothing, the wrong thing, or too early."""

from __future__ import annotations

from contextlib import suppress

from chunkstore.errors import Locked, TargetTaken
from chunkstore.model import Claims, Info
from chunkstore.publish import Publisher
from chunkstore.session import Missing
from chunkstore.store import Incoming, Store
from patchstorm.catalog.model import Bug, Innocent


class _SilentPublisher(Publisher):
    """Looks at the name when there is something to publish under it."""

    def require_winnable(self, info: Info) -> None:
        return


class LoserInVain(Store):
    publisher_type = _SilentPublisher


class LoserToldAfterwards(Store):
    """Looks at the name when the body has come, however long it was said to be."""

    def begin(self, claims: Claims, offset: int, length: int | None = None) -> Incoming:
        return super().begin(claims, offset, None)


class _PatientPublisher(Publisher):
    """Takes a name that is another's for one that is only held just now."""

    def _taken(self, info: Info) -> TargetTaken:
        raise Locked("Another upload has the target name just now.")


class LoserKeptWaiting(Store):
    publisher_type = _PatientPublisher


class _ReservingPublisher(Publisher):
    """Takes a rival that has sent a byte for the owner of the name."""

    def require_winnable(self, info: Info) -> None:
        super().require_winnable(info)
        for session in sorted(self._files.names(self._store.uploads)):
            if session < info.session and self._wants(session, info):
                raise self._taken(info)

    def _wants(self, session: str, info: Info) -> bool:
        with (
            suppress(Missing, Locked),
            self._store.sessions.locked(self._store.paths(session)) as other,
        ):
            rival = other.info
            return rival.target == info.target and self._counts(rival)
        return False

    def _counts(self, rival: Info) -> bool:
        return bool(rival.ranges)


class LoserToldTooEarly(Store):
    publisher_type = _ReservingPublisher


class _AskingPublisher(_ReservingPublisher):
    """Asks the rivals, and believes one that has been published."""

    def _counts(self, rival: Info) -> bool:
        return rival.state == "published"


class LoserToldByRivals(Store):
    publisher_type = _AskingPublisher


BUGS = (
    Bug(
        name="loser-in-vain",
        says="who lost a name is told when the last byte has come, and goes on sending until then",
        stands_for="a check of the name at creation and at completion alone",
        storms=("rivals-late",),
        caught_by=("availability",),
        deed="answer 204",
        store=LoserInVain,
        twin=Innocent(
            says="the name is looked at when the body has come, and nothing of it is kept",
            store=LoserToldAfterwards,
        ),
    ),
    Bug(
        name="loser-kept-waiting",
        says="who lost a name is told that it is busy, again and again",
        stands_for="EEXIST taken for a lock: 423 to a client that asks for ever",
        storms=("rivals-late", "rivals"),
        caught_by=("availability",),
        deed="answer 423",
        store=LoserKeptWaiting,
    ),
    Bug(
        name="loser-told-too-early",
        says="an upload is refused as soon as a rival has sent a byte, whoever finishes first",
        stands_for="a name that is reserved for whoever asked first, and is lost with him",
        storms=("rivals-late",),
        caught_by=("refusal",),
        deed="answer 409",
        also=("completion", "linearizable"),
        store=LoserToldTooEarly,
        twin=Innocent(
            says="rivals are asked, and count when they have been published",
            store=LoserToldByRivals,
        ),
    ),
)
