"""The one error tree. Every message says what to do next.

``exit_code`` is what the command ends with when the error reaches it: 2 for everything that leaves
the question open, since 1 is kept for a violation.
"""

from __future__ import annotations


class PatchstormError(Exception):
    """Base of all errors that a user is meant to read."""

    exit_code = 2


class UsageError(PatchstormError):
    """Something was asked for wrongly; the message names file, key and remedy."""


class TargetError(PatchstormError):
    """The server under test could not be started, reached or stopped."""


class NondeterminismError(PatchstormError):
    """A run that must repeat bit for bit did not; the message names where it leaked."""


class InconclusiveError(PatchstormError):
    """A bound was spent before an answer was found."""


class UnreadableError(PatchstormError):
    """Something on the storage cannot be looked at, so that nothing is concluded from it."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"`{path}` {why}")
        self.path = path


class WorkerDiedError(PatchstormError):
    """A worker process was killed from outside, and with it what all of them were at."""


class ClusterLostError(PatchstormError):
    """The scheduler of a cluster went away in the middle of a search."""
