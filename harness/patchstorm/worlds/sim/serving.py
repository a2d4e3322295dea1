"""One request on a replica: the simulator's counterpart of the HTTP server round the protocol.

The arrival, every block of the body and the answer are steps. A *busy* store is asked again after a
growing pause in virtual time, until its bound; the pauses are those of ``chunkstore.turn``, without
their jitter, since the scheduler varies what the jitter would. So is what a client's leaving ends: a
request whose body has not come yet, not one whose body is whole.
"""

from __future__ import annotations

from bdb import BdbQuit
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from patchstorm.dialect.exchange import Head, Reply
from patchstorm.errors import InconclusiveError, PatchstormError, TargetError
from patchstorm.storage.rope import TooMuchAtOnceError
from patchstorm.worlds.sim.app import Answer, App, Conversation
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.steps import NETWORK

_T = TypeVar("_T")

RAISED = "X-Simulator-Raised"
"""Names what the server's code raised, where no call to the storage had failed."""
PAUSE_NS_FIRST = 2_000_000
PAUSE_NS_MAX = 200_000_000
_ARRIVES, _BLOCK, _ANSWERS = NETWORK["request"], NETWORK["body"], NETWORK["answer"]


class Broken(Exception):
    """The connection broke inside the body, or the client has left."""


class HungUp(Exception):
    """The server closed the connection without an answer."""


class Garbled(Exception):
    """What the server sent is no HTTP."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """The answer of a server whose code raised what nobody expected."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def serve(
    kernel: Kernel,
    app: App,
    head: Head,
    body: Iterator[bytes],
    *,
    chunked: bool,
    gone: Callable[[], bool],
    lock_wait_ns: int,
) -> Answer:
    """The answer to one request. Raises :class:`Broken`, and ``Died`` with the replica."""
    kernel.step(_ARRIVES)
    try:
        conversation = app.exchange(head.method, head.path, head.framed(chunked=chunked))
        answer = _answered(kernel, app, conversation, body, gone, lock_wait_ns)
        _status_line(answer)
    except (
        Broken,
        BdbQuit,
        PatchstormError,
    ):  # no word of the store's: it quit a debugger, or is ours
        raise
    except SystemExit as ending:
        raise TargetError(
            f"the store ended the program (SystemExit {ending.code}) while it served {head.method} "
            f"{head.path}. A simulated store must not: raise what its server would answer with 500, and "
            "leave crashes to the storm."
        ) from None
    except TooMuchAtOnceError as error:  # content that stands for gigabytes was wanted as bytes
        said = f"the store wants real bytes, and these do not fit: {error}"
        raise InconclusiveError(said) from error
    except Exception as error:
        header = RAISED if not isinstance(error, OSError) else "X-Simulator-Failed-Call"
        answer = _Failed(500, ((header, type(error).__name__),), str(error).encode())
    kernel.step(_ANSWERS)
    return answer


def reply_of(answer: Answer) -> Reply:
    """An answer as the client reads it: names in lower case, repeated fields joined.

    Blanks round a value are no part of it (RFC 9110, 5.5), and no parser hands them on.
    """
    headers: dict[str, str] = {}
    for name, value in answer.headers:
        key, text = name.lower(), value.strip(" \t")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return Reply(status=answer.status, headers=headers, body=answer.body)


def _status_line(answer: Answer) -> str:
    """What a server would send first; TypeError for a status or a body that nobody could send."""
    return f"HTTP/1.1 {answer.status:d}\r\nContent-Length: {len(answer.body)}\r\n"


def _answered(
    kernel: Kernel,
    app: App,
    conversation: Conversation,
    body: Iterator[bytes],
    gone: Callable[[], bool],
    lock_wait_ns: int,
) -> Answer:
    def patiently(call: Callable[[], _T]) -> _T | Answer:
        return _patiently(kernel, app, conversation, call, gone, lock_wait_ns)

    cut = getattr(conversation, "cut", None)
    try:
        answer: Any = patiently(conversation.begin)
        if answer is not None:
            return answer  # type: ignore[no-any-return]
        if cut is not None:
            gone = _never
        try:
            for block in body:
                kernel.step(_BLOCK)
                answer = patiently(lambda block=block: conversation.data(block))  # type: ignore[misc]
                if answer is not None:
                    return answer  # type: ignore[no-any-return]
        except Broken:
            if cut is not None:
                patiently(cut)
            raise
        return patiently(conversation.end)
    except BaseException:
        conversation.abort()
        raise


def _never() -> bool:
    return False


def _patiently(
    kernel: Kernel,
    app: App,
    conversation: Conversation,
    call: Callable[[], _T],
    gone: Callable[[], bool],
    lock_wait_ns: int,
) -> _T | Answer:
    """Call, and call again while the store is busy; in the end, the busy answer."""
    deadline = kernel.now_ns + lock_wait_ns
    pause_ns = PAUSE_NS_FIRST
    while True:
        try:
            return call()
        except app.busy:
            if gone():
                raise Broken from None
            if kernel.now_ns >= deadline:
                return conversation.busy_response()
        kernel.sleep(pause_ns)
        pause_ns = min(2 * pause_ns, PAUSE_NS_MAX)
