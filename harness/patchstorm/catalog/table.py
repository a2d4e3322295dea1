"""The table of planted bugs, in the order in which ``patchstorm list bugs`` shows them.

What they stand for is a real thread, as repository#number, or a family of bugs seen in released
servers; see ``docs/checks.md``.
"""

from __future__ import annotations

from patchstorm.catalog import bugs
from patchstorm.catalog.model import Bug

BUGS: tuple[Bug, ...] = (
    Bug(
        name="lock-per-process",
        says="the lock excludes nobody on another replica",
        stands_for="in-memory lockers as a default: tus/tus-node-server#408",
        storm="parallel",
        caught_by=("durability", "completion"),
        also=("bytes", "status", "linearizable", "offsets", "availability", "publication"),
        store=bugs.LockPerProcess,
    ),
    Bug(
        name="conflict-accepted",
        says="bytes that contradict committed ones are acknowledged and dropped",
        stands_for="a retry taken for a replay without comparing it",
        storm="conflicting",
        caught_by=("conflict",),
        also=("durability", "linearizable"),
        store=bugs.ConflictAccepted,
    ),
    Bug(
        name="write-before-compare",
        says="a refused request has already overwritten what it contradicts",
        stands_for="write first, compare and set the offset then: a correct 409 and wrong bytes",
        storm="conflicting",
        caught_by=("bytes", "conflict"),
        also=("durability", "linearizable"),
        store=bugs.WriteBeforeCompare,
    ),
    Bug(
        name="cut-body-counted",
        says="a body that broke off is committed at its announced length",
        stands_for="Content-Length trusted over what came",
        storm="truncated",
        caught_by=("bytes", "offsets", "status"),
        also=("durability", "replay", "conflict", "availability", "completion", "linearizable"),
        store=bugs.CutBodyCounted,
    ),
    Bug(
        name="offset-ahead",
        says="HEAD gives the end of the last chunk, gaps or not",
        stands_for="file size taken for the offset of a sparse file",
        storm="parallel",
        caught_by=("offsets", "linearizable", "publication"),
        also=("status", "completion", "durability", "bytes"),
        store=bugs.OffsetAhead,
    ),
    Bug(
        name="replay-refused",
        says="a replay of an accepted request is refused",
        stands_for="a retry after a lost answer that can never succeed",
        storm="replaying",
        caught_by=("replay",),
        also=("availability", "completion", "linearizable"),
        store=bugs.ReplayRefused,
    ),
    Bug(
        name="announced-too-early",
        says="HEAD gives the full length before anything is published",
        stands_for="a client that stops at Upload-Length while the file is not there yet",
        storm="sequential",
        caught_by=("publication",),
        also=("completion", "durability"),
        store=bugs.AnnouncedTooEarly,
    ),
    Bug(
        name="published-in-the-open",
        says="the file grows under its published name",
        stands_for="assembly straight into the target path",
        storm="sequential",
        caught_by=("publication",),
        store=bugs.PublishedInTheOpen,
    ),
    Bug(
        name="completion-lost",
        says="the last byte is committed and nobody publishes",
        stands_for="a completion step lost when its request is retried: tus/tusd#1299",
        storm="sequential",
        caught_by=("completion",),
        also=("offsets", "residue", "status", "linearizable", "durability", "availability"),
        store=bugs.CompletionLost,
    ),
    Bug(
        name="chunks-left",
        says="chunks stay after publication",
        stands_for="clean-up that only the happy path runs",
        storm="sequential",
        caught_by=("residue",),
        store=bugs.ChunksLeft,
    ),
    Bug(
        name="status-forgets-last-gap",
        says="missing_ranges leaves out the last gap",
        stands_for="an off-by-one in the list of gaps",
        storm="resuming",
        caught_by=("status",),
        also=("linearizable", "completion"),
        store=bugs.StatusForgetsLastGap,
    ),
    Bug(
        name="late-writes",
        says="a late PATCH writes into the published file",
        stands_for="a refused request that still changes what is stored",
        storm="late",
        caught_by=("publication", "bytes"),
        also=("conflict", "durability", "linearizable"),
        store=bugs.LateWrites,
    ),
    Bug(
        name="lock-while-streaming",
        says="the lock is held from a body's first byte to its last",
        stands_for="one stalled connection blocks HEAD and PATCH everywhere",
        storm="stalled",
        caught_by=("availability",),
        also=("completion",),
        store=bugs.LockWhileStreaming,
    ),
    Bug(
        name="any-checksum",
        says="a checksum that does not match is ignored",
        stands_for="Upload-Checksum announced and not looked at",
        storm="checksums",
        caught_by=("checksum",),
        also=("bytes", "conflict", "durability", "linearizable", "replay"),
        exchange=bugs.AnyChecksum,
    ),
    Bug(
        name="no-offset",
        says="a PATCH is answered without Upload-Offset",
        stands_for="a proxy or framework that drops unknown headers",
        storm="sequential",
        caught_by=("protocol",),
        exchange=bugs.NoOffset,
    ),
)

BY_NAME = {bug.name: bug for bug in BUGS}
