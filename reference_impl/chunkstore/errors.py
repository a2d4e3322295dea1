"""What the store refuses, and the HTTP status each refusal hints at.

One tree. ``detail`` is a sentence for a person and never holds a token or a secret; ``extra`` holds
what was expected and what came, for the problem document (RFC 9457).
"""

from __future__ import annotations


class StoreError(Exception):
    """Base of all refusals."""

    status = 500
    title = "Internal error"

    def __init__(self, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class BadRequest(StoreError):
    status, title = 400, "Malformed request"


class BadSignature(StoreError):
    status, title = 401, "Bad signature"


class NotAllowed(StoreError):
    status, title = 403, "Not allowed"


class UnknownUpload(StoreError):
    status, title = 404, "Unknown upload"


class TooSlow(StoreError):
    status, title = 408, "Body cut off"


class Conflict(StoreError):
    """Bytes that contradict committed bytes, or an offset out of range."""

    status, title = 409, "Conflict"


class TargetTaken(Conflict):
    title = "Target name taken"


class Gone(StoreError):
    """Expired or terminated."""

    status, title = 410, "Gone"


class TooLarge(StoreError):
    status, title = 413, "Too large"


class Locked(StoreError):
    """Not now, and repeating the same call at once would not help: the client comes back later.

    ``retry_after_s`` goes into ``Retry-After``.
    """

    status, title = 423, "Locked"
    retry_after_s = 1


class Busy(Locked):
    """Not now: a lock is held, or another replica is at work. Try the same call again.

    The caller waits and repeats within its bound; only then does a client see the 423.
    """

    title = "Busy"


class ChecksumMismatch(StoreError):
    status, title = 460, "Checksum mismatch"


class Stopping(Locked):
    """The replica stops; the others go on."""

    status, title = 503, "Stopping"


class UnknownCoding(StoreError):
    """A transfer coding that is not undone here (RFC 9112, section 6.1)."""

    status, title = 501, "Transfer coding not implemented"


class OutOfSpace(StoreError):
    status, title = 507, "Insufficient storage"
