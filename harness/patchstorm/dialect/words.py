"""How people who know a protocol call its requests and fields, so that a story reads like their own log.

Histories hold semantic operations (:data:`patchstorm.history.model.Kind`). What is shown to a person is the
word of the dialect that was spoken; a dialect that nobody registered is shown in semantic words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """``verbs`` by kind of operation; ``offset`` is the field that tells how far an upload is."""

    verbs: Mapping[str, str] = field(default_factory=dict)
    offset: str = "offset"

    def verb(self, kind: str) -> str:
        """The word for a kind of operation; the kind itself where there is none."""
        return self.verbs.get(kind, kind)
