"""What a client asks for, in no protocol's words: requests, and what the network does to one."""

from __future__ import annotations

import msgspec

from patchstorm.dialect.cases.model import Step
from patchstorm.history.model import Checksum, Kind


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a conformance case, header by header (:class:`patchstorm.dialect.cases.model.Step`).

    ``max_size`` fills ``{max+1}``; the other placeholders are filled by whoever knows the URLs.
    """

    case: str
    step: int
    attempt: int
    what: Step
    strict: bool = False
    chapter: str = "all"
    max_size: int = 0


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request in the harness's own terms; a dialect's codec turns it into HTTP.

    ``replica`` is an index, or None for the balancer's choice. ``algorithm`` is used when
    ``checksum`` is not "none". ``whole`` asks a creation to carry the body (creation-with-upload).
    ``probe`` is filled for the kind ``probe``, and then only ``replica`` and ``length`` count besides.
    A body of another content has the honest bytes between the two places of ``honest``, which count from
    its own beginning, or with ``inverted`` everywhere else; with ``swapped_at`` it is the honest body with
    what comes before and after that place exchanged. ``beside`` are headers of a client's own, sent beside
    those that the dialect gives it, and ``method`` is what it writes for a method where one of them says
    which it means. ``declares`` is the length of an upload that was created without one, and ``joins`` are
    the URLs of those that a creation makes into one.
    """

    kind: Kind
    upload: str
    offset: int = 0
    length: int = 0
    content: int = 0
    checksum: Checksum = "none"
    algorithm: str = "sha256"
    replica: int | None = None
    whole: bool = False
    honest: tuple[int, int] | None = None
    inverted: bool = False
    swapped_at: int | None = None
    beside: tuple[tuple[str, str], ...] = ()
    method: str = ""
    declares: int | None = None
    joins: tuple[str, ...] = ()
    probe: Probe | None = None


class Mischief(msgspec.Struct, frozen=True, kw_only=True):
    """What the network does to one delivery. The defaults are a good network.

    ``cut_after``: body bytes after which the connection breaks. ``stall_after``/``stall_ms``: a pause
    inside the body. ``drop_response``: the request is delivered whole and the answer is thrown away.
    ``lose_request``: the connection breaks before a byte is sent. ``abandon_ms``: the client gives up
    waiting after this long. ``chunked``: no Content-Length, Transfer-Encoding: chunked.
    """

    cut_after: int | None = None
    stall_after: int | None = None
    stall_ms: int = 0
    drop_response: bool = False
    lose_request: bool = False
    abandon_ms: int | None = None
    chunked: bool = False
