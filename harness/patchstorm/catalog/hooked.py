"""Stores that tell others of finished uploads: each call of the hook leaves a file of its own.

The sequential store publishes, tells, and then writes down that it has published, all under the upload's
lock. So whoever dies in between tells again, and nobody else does.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Final

from chunkstore.model import View
from patchstorm.catalog.model import Bug, Innocent
from patchstorm.catalog.sequential import Paths, Record, SequentialBody, SequentialStore

HOOKS: Final = ".hooks"


class HookedStore(SequentialStore):
    """The sequential store with a hook."""

    def record_published(self, paths: Paths, record: Record) -> None:
        self.files.sync_directory(os.path.dirname(self.places.path(record.target)))
        self.tell(paths)
        super().record_published(paths, record)

    def tell(self, paths: Paths) -> None:
        """One call of the hook."""
        directory = f"{self.root}/{HOOKS}"
        self.files.make_directory(directory)
        self.files.create(f"{directory}/{self.files.unique(paths.name)}", b"")


INNOCENT = Innocent(
    says="a sequential store that tells others when the file is there, before it writes that down",
    store=HookedStore,
)


class ToldWithEveryEnd(HookedStore):
    """Tells with the answer of each request that ends at the last byte."""

    def record_published(self, paths: Paths, record: Record) -> None:
        SequentialStore.record_published(self, paths, record)

    def append(self, body: SequentialBody) -> View:
        view = super().append(body)
        if view.offset == view.size:
            self.finished(body.claims)
            self.tell(self.paths(body.claims.session))
        return view


class ToldFirst(HookedStore):
    """Tells when the last byte is there, and publishes then."""

    def publish(self, paths: Paths, record: Record) -> None:
        self.tell(paths)
        super().publish(paths, record)

    def record_published(self, paths: Paths, record: Record) -> None:
        SequentialStore.record_published(self, paths, record)


class ToldByTheLast(HookedStore):
    """Tells with the request that brings the last byte, and with no other that publishes in its stead."""

    def record_published(self, paths: Paths, record: Record) -> None:
        SequentialStore.record_published(self, paths, record)

    def append(self, body: SequentialBody) -> View:
        view = super().append(body)
        if body.data and view.offset == view.size:
            self.finished(body.claims)
            self.tell(self.paths(body.claims.session))
        return view


class FailuresIgnored(HookedStore):
    """Goes on as if others had been told where that failed."""

    def tell(self, paths: Paths) -> None:
        with suppress(OSError):
            super().tell(paths)


def _bug(name: str, says: str, stands_for: str, **rest: Any) -> Bug:
    return Bug(
        name=name,
        says=says,
        stands_for=stands_for,
        caught_by=("hooks",),
        base="hooked",
        **rest,
    )


BUGS = (
    _bug(
        "told-with-every-end",
        "others are told with each request that ends at the last byte, though it has been there before",
        "completion hooks called several times: tus/tusd#616",
        storms=("empty-patches",),
        deed="client PATCH",
        store=ToldWithEveryEnd,
    ),
    _bug(
        "told-first",
        "others are told when the last byte is there, and the file is not",
        "a hook that is called before the file is moved to its place",
        storms=("sequential",),
        deed="client PATCH",
        store=ToldFirst,
        sim_only="the moment between the hook and the name is too short to be looked into",
    ),
    _bug(
        "told-by-the-last",
        "only the request that brings the last byte tells others: if it dies before, nobody ever does",
        "a completion hook lost with the request that was to call it: tus/tusd#1299",
        storms=("crash-publishing",),
        deed="client PATCH",
        store=ToldByTheLast,
        sim_only="the moment between the name and the hook is too short for a kill",
    ),
    _bug(
        "telling-failed",
        "a call of the hook that failed is taken for one that was made",
        "an error of a hook that is logged, and the upload called finished",
        storms=("composed",),
        deed="client PATCH",
        store=FailuresIgnored,
        sim_only="a local file system does not fail",
    ),
)
