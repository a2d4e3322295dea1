"""The publication watcher: what stood under each published name and when, and what lay beside."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from patchstorm.errors import UnreadableError
from patchstorm.history.events import Beside, Sighting, Told
from patchstorm.history.recorder import Recorder
from patchstorm.run.last_look import arranged
from patchstorm.run.view import Look, View
from patchstorm.target.places import Places


class PublicationWatcher:
    """Writes ``sighting`` and ``beside`` events for one storm.

    A world calls :meth:`changed` when something happens under a published name. A sighting that repeats the
    last one is not written down, save when asked for. ``instant``: a look takes no time, and a change is seen
    at the very step that makes it, so the name was not there until then, and that is written down, too.
    ``noise_ns``: of changes that follow each other faster only the first is written down; 0: all are.
    """

    def __init__(
        self,
        view: View,
        places: Places,
        recorder: Recorder,
        now_ns: Callable[[], int],
        *,
        instant: bool,
        noise_ns: int = 0,
    ) -> None:
        self._view = view
        self._places = places
        self._recorder = recorder
        self._now_ns = now_ns
        self._instant = instant
        self._noise_ns = noise_ns
        self._last: dict[str, Look | None] = {}
        self._last_ns: dict[str, int] = {}
        self._early: list[tuple[str, int]] = []

    def look_at_all(self) -> None:
        """Look at every published name now and write down what is there, changed or not."""
        for path in tuple(self._places.published):
            self._look(path, asked=True)

    def look_at(self, upload: str) -> None:
        """Look at one upload's name: its full length has just been announced."""
        path = self._places.path(upload)
        if path is not None:
            self._look(path, asked=True)

    def changed(self, path: str) -> None:
        """Something happened under this published name."""
        self._look(path, asked=False)

    def appeared(self, path: str) -> None:
        """A name that was nobody's has just been made; it may tell that others were told.

        Of which upload is known once its creation is answered, and an empty one is finished before.
        """
        if not self._tell_told(path, self._now_ns()):
            self._early.append((path, self._now_ns()))

    def _tell_told(self, path: str, at_ns: int) -> bool:
        upload = self._places.told(path)
        if upload is not None:
            self._recorder.add(Told(time_ns=at_ns, upload=upload))
        return upload is not None

    def _look(self, path: str, *, asked: bool) -> None:
        began_ns = None if self._instant else self._now_ns()
        try:
            look = self._view.look(path)
        except UnreadableError:
            return  # neither there nor absent; the last look says why
        ended_ns = None if self._instant else self._now_ns()
        seen_before = not asked and path in self._last
        if seen_before and (self._last[path] == look or self._too_soon(path, ended_ns)):
            return
        if self._instant and look is not None and self._last.get(path) is None and not asked:
            self._note(path, None, None, None)
        self._last[path] = look
        if ended_ns is not None:
            self._last_ns[path] = ended_ns
        self._note(path, look, began_ns, ended_ns)

    def _too_soon(self, path: str, now_ns: int | None) -> bool:
        return now_ns is not None and now_ns - self._last_ns[path] < self._noise_ns

    def _note(
        self, path: str, look: Look | None, began_ns: int | None, ended_ns: int | None
    ) -> None:
        size, number, mtime_ns, _ = look or (None, None, None, None)
        for upload in self._places.published[path]:
            time_ns = self._now_ns() if ended_ns is None else ended_ns
            self._recorder.add(
                Sighting(
                    time_ns=time_ns, began_ns=began_ns, upload=upload, present=look is not None,
                    size=size, inode=number, mtime_ns=mtime_ns,
                )
            )  # fmt: skip

    def tell_strangers(self, shown: Iterable[tuple[str, int | None]]) -> None:
        """A ``beside`` event for every name that showed and belongs to no upload.

        ``shown`` are paths and when they were seen (None: now). To be called at the end: a name can be known
        for an upload's only once its URL is.
        """
        for path, made_ns in self._early:
            self._tell_told(path, made_ns)
        for path, seen_ns in shown if self._places.all_known else ():
            if not self._instant and seen_ns is not None:
                self._tell_told(path, seen_ns)
            if self._places.is_beside(path) and not arranged(self._view, self._places, path):
                time_ns = self._now_ns() if seen_ns is None else seen_ns
                alike = self._places.is_alike(path)
                self._recorder.add(Beside(time_ns=time_ns, path=path, alike=alike))
