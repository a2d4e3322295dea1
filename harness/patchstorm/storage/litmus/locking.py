"""Litmus programs about locks: who excludes whom, and who lets go."""

from __future__ import annotations

from patchstorm.storage.litmus.flavours import ALL, NFS, NFS3, NFS4, spell_out
from patchstorm.storage.litmus.program import Program, parse_program


def _p(
    name: str, about: str, text: str, runs_on: tuple[str, ...] = ALL, *, real: bool = True
) -> Program:
    return parse_program(name, about, spell_out(text), runs_on, real=real)


REMOTE3 = tuple(flavour for flavour in NFS3 if "nolock" not in flavour)
LOCAL_LOCKS = ("nfs3,local_lock=flock", "nfs3,local_lock=posix", "nfs3,local_lock=all")

LOCKING: tuple[Program, ...] = (
    _p(
        "flock",
        "one holder on all hosts, unless locks are local to a host",
        """
        A open fd l rw,creat; = lock fd -> locked
        B open fd l rw,creat; = lock fd -> EAGAIN @ !flock-local | locked @ flock-local
        A close fd
        B = lock fd; close fd -> locked
        """,
        (*ALL, *LOCAL_LOCKS),
    ),
    _p(
        "posix-lock",
        "the same for fcntl locks, which any close of the file drops",
        """
        A open fd l rw,creat; = range fd -> locked
        B open fd l rw,creat; = range fd -> EAGAIN @ !posix-local | locked @ posix-local
        A open other l r; close other
        B = range fd -> locked
        A close fd
        B close fd
        """,
        (*ALL, *LOCAL_LOCKS),
    ),
    _p(
        "flock-survives-other-close",
        "flock is not dropped so",
        """
        A open fd l rw,creat; = lock fd -> locked
        A open other l r; close other
        B open fd l rw; = lock fd -> EAGAIN @ !flock-local | locked @ flock-local
        A close fd
        B close fd
        """,
    ),
    _p(
        "posix-ranges",
        "fcntl locks on different bytes do not exclude each other",
        """
        A open fd l rw,creat; = range fd 0 10 -> locked
        B open fd l rw; = range fd 10 10 -> locked
        B = range fd 5 10 -> EAGAIN @ !posix-local | locked @ posix-local
        A close fd
        B = range fd 0 10; close fd -> locked
        """,
    ),
    _p(
        "exclusive-on-readonly",
        "version 4 wants write access for an exclusive flock",
        """
        A w l ''; open fd l r; = lock fd -> locked @ local, v3 | EBADF @ v4
        A close fd
        """,
    ),
    _p(
        "shared-on-writeonly",
        "and read access for a shared one",
        """
        A open fd l w,creat; = lock fd sh -> locked @ local, v3 | EBADF @ v4
        A close fd
        """,
    ),
    _p(
        "flock-against-posix",
        "over NFS flock and fcntl locks exclude each other even within a process",
        """
        A open fd l rw,creat; = lock fd -> locked
        A = range fd -> locked @ local, flock-local, recent&v4 | EAGAIN @ nfs&!flock-local
        A close fd
        """,
        (*ALL, "nfs4.2,kernel=7.2"),
    ),
    _p(
        "flock-two-descriptions",
        "two opens of one process exclude each other",
        """
        A open fd l rw,creat; = lock fd -> locked
        A open g l rw,creat; = lock g -> EAGAIN
        A close fd; = lock g; close g -> locked
        """,
    ),
    _p(
        "upgrade",
        "an upgrade that fails loses the shared lock locally, keeps it over NFS",
        """
        A open fd l rw,creat; = lock fd sh -> locked
        B open fd l rw,creat; = lock fd sh -> locked
        A = lock fd -> EAGAIN @ !flock-local | locked @ flock-local
        B = lock fd -> locked @ local, flock-local | EAGAIN @ nfs&!flock-local
        A close fd
        B = lock fd; close fd -> locked
        """,
    ),
    _p(
        "unlinked-lock-file",
        "after unlinking the lock file there are two holders, everywhere",
        """
        A open fd l rw,creat; = lock fd -> locked
        A unlink l
        B open fd l rw,creat; = lock fd -> locked
        S = ls . -> ["l"] @ local | [".nfs", "l"] @ nfs
        A close fd
        B close fd
        S = ls . -> ["l"] | [".nfs", "l"] @ nfs
        """,
    ),
    _p(
        "killed-holder",
        "a dead process lets go at once",
        """
        A open fd l rw,creat; = lock fd -> locked
        A kill
        B open fd l rw; = lock fd; close fd -> locked
        """,
    ),
    _p(
        "dead-host",
        "a dead host's locks: version 4 waits for the lease, version 3 for the host's return",
        """
        A open fd l rw,creat; = lock fd -> locked
        B open fd l rw; = lock fd -> EAGAIN
        A crash
        S sleep 60
        B = lock fd -> EAGAIN
        S sleep 40
        B = lock fd -> locked @ v4 | EAGAIN @ v3
        A reboot
        B = lock fd; close fd -> locked
        """,
        (*REMOTE3, *NFS4),
        real=False,
    ),
    _p(
        "partitioned-holder-v4",
        "a version 4 holder cut off for longer than the lease gets EIO and changes nothing",
        """
        A open fd l rw,creat; = lock fd -> locked
        B open fd l rw; = lock fd -> EAGAIN
        A cut
        S sleep 60
        B = lock fd -> EAGAIN
        S sleep 40
        B = lock fd -> locked
        B pwrite fd BBB 0; fsync fd
        A heal
        A pwrite fd AA 0; fsync fd -> EIO
        A = pread fd 9 0 -> EIO
        A close fd
        S = rd l -> BBB
        B close fd
        """,
        NFS4,
        real=False,
    ),
    _p(
        "partitioned-holder-v3",
        "a version 3 holder keeps its lock and writes on",
        """
        A open fd l rw,creat; = lock fd -> locked
        B open fd l rw; = lock fd -> EAGAIN
        A cut
        S sleep 1000
        B = lock fd -> EAGAIN
        A heal
        A pwrite fd AA 0; fsync fd
        S = rd l -> AA
        B = lock fd -> EAGAIN
        A close fd
        B = lock fd; close fd -> locked
        """,
        REMOTE3,
        real=False,
    ),
    _p(
        "short-partition",
        "cut off for less than the lease nothing happens; nor for longer, if nobody wants the lock",
        """
        A open fd l rw,creat; = lock fd -> locked
        A cut
        S sleep 1000
        A heal
        A pwrite fd AA 0; fsync fd
        B open fd l rw; = lock fd -> EAGAIN
        A close fd
        B close fd
        """,
        (*REMOTE3, *NFS4),
        real=False,
    ),
    _p(
        "server-restart",
        "the holder reclaims and writes on; others wait for the end of grace, then are refused",
        """
        A open fd l rw,creat; = lock fd -> locked
        B open fd l rw; = lock fd -> EAGAIN
        S restart
        B = lock fd -> "waits for grace"
        A pwrite fd x 0; fsync fd
        S sleep 100
        B = lock fd -> EAGAIN
        A close fd
        B = lock fd; close fd -> locked
        """,
        (*REMOTE3, *NFS4),
        real=False,
    ),
    _p(
        "server-restart-unsent",
        "data not yet sent are sent to the new instance",
        """
        A open fd d rw,creat; write fd x*100000
        S restart
        A fsync fd; close fd
        S = size d -> 100000
        """,
        NFS,
        real=False,
    ),
    _p(
        "counter-by-rename",
        "two hosts add one each under a lock, replacing the file: one addition may be lost",
        """
        A w info 0; w .lock ''
        B = rd info -> 0
        par
        A open l .lock rw; +lockwait l; get v info; +inc v; durable n.a %v; +rename n.a info; close l
        B open l .lock rw; +lockwait l; get v info; +inc v; durable n.b %v; +rename n.b info; close l
        end
        S = rd info -> 2 | 1 @ $gone, flock-local
        """,
    ),
    _p(
        "counter-by-rename-listed",
        "none is lost if the directory is listed under the lock",
        """
        A w info 0; w .lock ''
        B = rd info -> 0
        par
        A open l .lock rw; +lockwait l; ls .; +get v info; +inc v; durable n.a %v; +rename n.a info; close l
        B open l .lock rw; +lockwait l; ls .; +get v info; +inc v; durable n.b %v; +rename n.b info; close l
        end
        S = rd info -> 2 | 1 @ flock-local, nocto
        """,
    ),
    _p(
        "counter-in-place",
        "nor, on version 4, if the file is rewritten in place",
        """
        A w info 0; w .lock ''
        B = rd info -> 0
        par
        A open l .lock rw; +lockwait l; get v info; +inc v; durable info %v; close l
        B open l .lock rw; +lockwait l; get v info; +inc v; durable info %v; close l
        end
        S = rd info -> 2 | 1 @ flock-local, nocto, v3&same-tick
        """,
        tuple(flavour for flavour in ALL if "nolock" not in flavour),
    ),
)
