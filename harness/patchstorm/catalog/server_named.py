"""An innocent that decides by itself where everything lies, and under which name.

    <root>/data/incoming/<id>.bin  <id>.info  <id>.lock
    <root>/data/done/<id>

What a client calls its file is kept as metadata and decides nothing, so two uploads never want the same
name, and there is nothing to replace.
"""

from __future__ import annotations

import msgspec

from chunkstore.errors import StoreError
from chunkstore.model import Claims, View
from patchstorm.catalog.model import Innocent
from patchstorm.catalog.sequential import Paths, SequentialStore

HOME = "data"
INCOMING = f"{HOME}/incoming"
DONE = f"{HOME}/done"


class ServerNamedStore(SequentialStore):
    """The sequential store with places of its own choice."""

    uploads_place = INCOMING

    @property
    def home(self) -> str:
        return f"{self.root}/{HOME}"

    def create(self, claims: Claims, metadata: str = "") -> View:
        self.files.make_directory(self.home)
        self.files.sync_directory(self.root)
        self.files.make_directory(self.uploads)
        self.files.sync_directory(self.home)
        return super().create(claims, metadata)

    def initialise(self, paths: Paths, claims: Claims, metadata: str) -> None:
        own = msgspec.structs.replace(claims, target=f"{DONE}/{claims.session}", overwrite=False)
        super().initialise(paths, own, metadata)

    def missing(self, paths: Paths) -> StoreError:
        self.files.names(self.root)
        self.files.names(self.home)
        return super().missing(paths)


INNOCENT = Innocent(
    says="a sequential store that chooses its directories and the names of finished files itself",
    store=ServerNamedStore,
)
