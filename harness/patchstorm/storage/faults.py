"""Which faults a run may meet. Nothing is enabled by default.

Staleness, clobbering and what a power loss takes are part of a flavour and need no entry here. A
fault is something the flavour does not do by itself: the disk is full, a reply is lost. Each one
that is enabled is drawn, as the choice ``fault.<name>``, at every call it could strike; 0 is always
"not this time".
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Switches, one per fault.

    ``enospc``, ``edquot`` and ``eio_write`` strike where the file system allocates: at the write
    of a local file, at write-back (so at fsync or close) of an NFS client. ``eio_fsync`` makes one
    fsync fail and forget, as Linux does: the error is reported once to each open descriptor, the
    pages count as clean, and the data are not durable although a second fsync says so (fsync(2),
    PostgreSQL's "fsyncgate"). ``short_write`` and ``short_read`` return less than asked (write(2),
    read(2)). ``lost_reply`` executes a rename, link, unlink, mkdir or rmdir on an NFS server and
    then reports the error of its retransmission (RFC 1813 section 4.5; rename(2), BUGS).
    ``enolck`` fails a lock request as a client without a reachable lockd does.
    """

    enospc: bool = False
    edquot: bool = False
    eio_read: bool = False
    eio_write: bool = False
    eio_fsync: bool = False
    short_read: bool = False
    short_write: bool = False
    lost_reply: bool = False
    enolck: bool = False
