"""How people who know a protocol call its requests and fields, so that a story reads like their own log.

Histories hold semantic operations (:data:`patchstorm.history.model.Kind`). What is shown to a person is the
word of the dialect that was spoken; a dialect that nobody registered is shown in semantic words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """``verbs`` by kind of operation; ``offset`` is the field that tells how far an upload is.

    ``plain`` are names of request headers, in lower case, that tell nothing, or what no log may tell;
    ``plain_answer`` those of answers. ``usual`` gives, by kind, the headers that every such request has and
    the value they have (None: any); what is neither is *odd*.
    """

    verbs: Mapping[str, str] = field(default_factory=dict)
    offset: str = "offset"
    plain: frozenset[str] = frozenset()
    usual: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    plain_answer: frozenset[str] = frozenset()

    def verb(self, kind: str) -> str:
        """The word for a kind of operation; the kind itself where there is none."""
        return self.verbs.get(kind, kind)

    def odd(self, kind: str, name: str, value: str) -> bool:
        """Whether a request of this kind usually has no such header, or another value."""
        usual = self.usual.get(kind)
        if usual is None:
            return False
        return name not in usual or usual[name] not in (None, value)
