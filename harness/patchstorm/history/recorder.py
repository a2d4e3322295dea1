"""Taking a history down while it happens."""

from __future__ import annotations

from typing import IO

from patchstorm.history.build import assemble
from patchstorm.history.events import Event
from patchstorm.history.model import (
    Checksum,
    Completion,
    Final,
    Header,
    History,
    Invocation,
    Kind,
    Outcome,
    ProbeSent,
    Record,
    RequestHead,
    Residue,
    StatusDocument,
)
from patchstorm.history.no_answer import NoAnswer
from patchstorm.history.writer import encode_record, write_history


class Recorder:
    """Numbers operations and keeps records in the order in which they were told.

    With a ``sink`` every record is also written there at once, so that a run that is killed leaves
    what had happened. Call it from one thread: the order of the calls is the order of the history.
    One that goes on with a history that was broken off numbers from ``first_op`` on.
    """

    def __init__(self, header: Header, sink: IO[bytes] | None = None, *, first_op: int = 0) -> None:
        self.records: list[Record] = []
        self._count = first_op
        self._sink = sink
        self._take(header)

    @property
    def operations(self) -> int:
        """How many operations were invoked so far."""
        return self._count

    def invoke(
        self,
        *,
        time_ns: int,
        client: str,
        kind: Kind,
        upload: str | None = None,
        replica: int | None = None,
        offset: int | None = None,
        length: int | None = None,
        content: int = 0,
        checksum: Checksum = "none",
        cut: bool = False,
        replay_of: int | None = None,
        phase: str = "storm",
        request: RequestHead | None = None,
        probe: ProbeSent | None = None,
        declares: int | None = None,
    ) -> int:
        """Record a request that is about to be sent; the result is its operation index."""
        op = self._count
        self._count += 1
        self._take(
            Invocation(
                op=op,
                time_ns=time_ns,
                client=client,
                kind=kind,
                upload=upload,
                replica=replica,
                offset=offset,
                length=length,
                content=content,
                checksum=checksum,
                cut=cut,
                replay_of=replay_of,
                phase="heal" if phase == "heal" else "storm",
                request=request,
                probe=probe,
                declares=declares,
            )
        )
        return op

    def complete(
        self,
        op: int,
        *,
        time_ns: int,
        outcome: Outcome | None = None,
        status: int | None = None,
        offset: int | None = None,
        upload_length: int | None = None,
        expires_s: int | None = None,
        sent: int = 0,
        headers: dict[str, str] | None = None,
        document: StatusDocument | None = None,
        malformed: str | None = None,
        error: NoAnswer | None = None,
    ) -> Completion:
        """Record how an operation ended; without ``outcome`` the status decides (2xx, 4xx, rest)."""
        end = Completion(
            op=op,
            time_ns=time_ns,
            outcome=outcome_of(status) if outcome is None else outcome,
            status=status,
            offset=offset,
            upload_length=upload_length,
            expires_s=expires_s,
            sent=sent,
            headers=headers or {},
            document=document,
            malformed=malformed,
            error=error,
        )
        self._take(end)
        return end

    def add(self, record: Completion | Event | Final | Residue) -> None:
        """Record something that the caller has built."""
        self._take(record)

    def history(self) -> History:
        """Everything so far as one history. Raises :class:`patchstorm.history.build.Malformed`."""
        return assemble(self.records)

    def write(self, file: IO[bytes]) -> None:
        """Write everything so far, in the order in which it was told."""
        write_history(self.records, file)

    def _take(self, record: Record) -> None:
        self.records.append(record)
        if self._sink is not None:
            self._sink.write(encode_record(record) + b"\n")


def outcome_of(status: int | None) -> Outcome:
    """What a status says by itself: 2xx ok, 4xx fail, everything else (5xx, no answer) info.

    That a 409 or 423 may hide an effect on a request that completes the byte set is judged by the
    checkers, which see the other requests.
    """
    if status is None or status >= 500:
        return "info"
    return "ok" if 200 <= status < 300 else "fail"
