"""Pages of other origins: which of them may upload here, and what they may read of an answer.

The rules are those of the Fetch standard, section 3.3 (the CORS protocol). Credentials are never asked
for: what a page may do is in the token that it sends in the address, so any page may be let in. An
answer without these fields is kept from the page, whatever its status; so refusals carry them too.
"""

from __future__ import annotations

from .protocol_headers import Head, joined
from .responses import Headers

ANY = "*"
_PREFLIGHT_S = 24 * 3600
METHODS = ("POST", "HEAD", "PATCH", "DELETE", "GET", "OPTIONS")
SENT = (
    "Authorization", "Content-Type", "Tus-Resumable", "Upload-Length", "Upload-Offset",
    "Upload-Metadata", "Upload-Checksum", "Upload-Defer-Length", "Upload-Concat",
    "X-HTTP-Method-Override", "X-Request-ID", "X-Requested-With",
)  # fmt: skip
"""What clients of tus send; the rest is safe without being named."""
READ = (
    "Location", "Retry-After", "Tus-Resumable", "Tus-Version", "Tus-Max-Size", "Tus-Extension",
    "Tus-Checksum-Algorithm", "Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Expires",
    "Upload-Defer-Length", "Upload-Concat", "X-Backend-Ai-Chunks-Received",
    "X-Backend-Ai-Progress-Percent",
)  # fmt: skip
"""What a page may read of an answer, beside what it may read of any."""
_EXPOSED = ("Access-Control-Expose-Headers", joined(READ))
_GRANTED: Headers = (
    ("Access-Control-Allow-Methods", joined(METHODS)),
    ("Access-Control-Allow-Headers", joined(SENT)),
    ("Access-Control-Max-Age", str(_PREFLIGHT_S)),
)


def fields(origins: tuple[str, ...], head: Head) -> Headers:
    """What every answer to this request carries; no origins means that no other page is let in.

    A cache must not give one page the answer of another: ``Vary`` says so where origins are named.
    """
    origin = head.joined("origin")
    if not origins or (ANY in origins and origin is None):
        return ()
    vary: Headers = () if ANY in origins else (("Vary", "Origin"),)
    if origin is None or not (ANY in origins or origin in origins):
        return vary
    preflight = head.method == "OPTIONS" and head.joined("access-control-request-method")
    allowed = ("Access-Control-Allow-Origin", ANY if ANY in origins else origin)
    return (*vary, allowed, *(_GRANTED if preflight else (_EXPOSED,)))


def unheard(origins: tuple[str, ...]) -> Headers:
    """The same for a request whose head was not read: only what holds for all origins can be said."""
    return (("Access-Control-Allow-Origin", ANY), _EXPOSED) if ANY in origins else ()
