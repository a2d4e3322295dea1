"""What an answer to OPTIONS says of a server (tus 1.0.0, core protocol, OPTIONS)."""

from __future__ import annotations

from patchstorm.dialect.probed import Announced
from patchstorm.dialect.tus.capabilities import CHECKSUM, EXTENSIONS


class TusAnnounced(Announced, frozen=True, kw_only=True):
    """The headers of the answer, split into their words."""

    versions: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    max_size: str | None = None

    @property
    def capabilities(self) -> frozenset[str]:
        """The capabilities that were announced."""
        named = {EXTENSIONS[word] for word in self.extensions if word in EXTENSIONS}
        algorithms = self.algorithms if "checksum" in self.extensions else ()
        return frozenset(named | {f"{CHECKSUM}{word}" for word in algorithms})

    def about(self, capability: str) -> bool | None:
        if self.silent or not _worded(capability):
            return None
        return capability in self.capabilities

    def withholds(self, capability: str) -> bool:
        return _worded(capability) and capability not in self.capabilities


def _worded(capability: str) -> bool:
    return capability in EXTENSIONS.values() or capability.startswith(CHECKSUM)
