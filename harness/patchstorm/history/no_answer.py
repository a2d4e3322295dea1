"""Why a request got no answer, and what follows from it."""

from __future__ import annotations

from enum import StrEnum


class NoAnswer(StrEnum):
    """Why there was no answer.

    Where it says that nothing was ever sent the request cannot have had an effect; whatever else it says,
    no answer never means "not applied".
    """

    NO_URL = "no-url"  # there was nowhere to send it
    NO_SOCKET = "no-socket"  # a world without sockets cannot send such a request
    LOST = "lost"  # the plan lost the request
    REFUSED = "refused"  # nobody listened
    UNREACHABLE = "unreachable"
    PARTITIONED = "partitioned"
    RESET = "reset"
    CLOSED = "closed"
    TIMEOUT = "timeout"  # the client's own patience ran out
    CUT = "cut"  # the plan cut the body
    DROPPED = "dropped"  # the plan threw the answer away
    ABANDONED = "abandoned"  # the plan gave up waiting
    GARBLED = "garbled"  # the answer was no HTTP
    UNKNOWN = "unknown"  # another recorder's word

    @property
    def may_have_effect(self) -> bool:
        """The request may have been carried out all the same: a byte of it can have reached a server."""
        return self not in _NEVER_SENT


_NEVER_SENT = frozenset({NoAnswer.NO_URL, NoAnswer.LOST, NoAnswer.REFUSED, NoAnswer.UNREACHABLE})
