# ruff: noqa: E501
"""Every call over a mount does what it does on a real tmpfs: one program, run on both, prints the same."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

import pytest
from tests.fuse.mounts import mounts, run, start, until_ended

from patchstorm.worlds.fuse.bridge import SILENT
from patchstorm.worlds.fuse.protocol import Op

PRELUDE = """
def said(call, *args, **more):
    try:
        return call(*args, **more)
    except OSError as error:
        return errno.errorcode[error.errno]
def look(path=None, fd=None):
    s = os.stat(fd if fd is not None else path, follow_symlinks=False) if fd is None else os.fstat(fd)
    return oct(s.st_mode), s.st_size, s.st_nlink
def rename2(old, new, flags):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, old.encode(), -100, new.encode(), flags):
        raise OSError(ctypes.get_errno(), "renameat2")
"""

PROGRAMS = {
    "contents": """
        fd = os.open("f", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
        print(look("f"), said(os.open, "f", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        print(os.pwrite(fd, b"x" * 300000, 5), os.pread(fd, 4, 3), os.pread(fd, 10, 299999), os.fstat(fd).st_size)
        os.ftruncate(fd, 7); print(os.pread(fd, 10, 0)); os.truncate("f", 9); print(os.pread(fd, 10, 0))
        a = os.open("f", os.O_WRONLY | os.O_APPEND); print(os.write(a, b"end"), os.fstat(fd).st_size)
        os.write(fd, b"AB"); os.write(fd, b"C"); print(open("f", "rb").read(), os.lseek(fd, 0, 1))
        t = os.open("f", os.O_WRONLY | os.O_TRUNC); print(os.fstat(fd).st_size, said(os.read, t, 1))
        print(said(os.fsync, fd), said(os.fdatasync, fd), said(os.write, os.open("f", os.O_RDONLY), b"x"))
    """,
    "holes": """
        fd = os.open("f", os.O_RDWR | os.O_CREAT)
        os.pwrite(fd, b"a" * 4096, 0); os.pwrite(fd, b"b" * 4096, 8192)
        print(os.lseek(fd, 0, os.SEEK_HOLE), os.lseek(fd, 4096, os.SEEK_DATA), said(os.lseek, fd, 99999, os.SEEK_DATA))
        os.posix_fallocate(fd, 0, 20000); print(os.fstat(fd).st_size, os.pread(fd, 3, 8191))
        g = os.open("g", os.O_RDWR | os.O_CREAT)
        print(os.copy_file_range(fd, g, 5000, 8000, 3), os.pread(g, 5, 193), os.fstat(g).st_size)
    """,
    "names": """
        os.mkdir("d", 0o750); open("d/a", "w").write("a"); open("b", "w").write("bb")
        print(look("d"), sorted(os.listdir("d")), sorted(os.listdir(".")))
        print(said(os.rmdir, "d"), said(os.unlink, "d"), said(os.rename, "b", "d"), said(os.mkdir, "d"))
        os.rename("b", "d/b"); print(sorted(os.listdir("d")), said(os.stat, "b"), open("d/b").read())
        os.rename("d/b", "d/a"); print(os.listdir("d"), open("d/a").read())
        print(said(rename2, "d/a", "d/a2", 1), said(rename2, "d/a2", "d", 1))
        open("x", "w").write("x"); rename2("x", "d/a2", 2); print(open("x").read(), open("d/a2").read())
        fd = os.open("x", os.O_RDWR); rename2("x", "d/a2", 2); os.fchmod(fd, 0o600)
        print(look("d/a2")[0], look("x")[0] != look("d/a2")[0], os.pread(fd, 9, 0))
        os.rename("d", "e"); print(os.listdir("e"), said(os.stat, "d"), open("e/a2").read())
        os.chdir("e"); print(os.path.basename(os.getcwd()), os.listdir("..").__len__(), open("../x").read())
        os.unlink("a2"); os.chdir(".."); os.rmdir("e"); print(os.listdir("."), os.fstat(fd).st_nlink)
        print(said(os.open, "n" * 300, os.O_CREAT), said(os.open, "no/x", os.O_CREAT), said(os.open, "x/y", 0))
        d = os.open(".", os.O_RDONLY | os.O_DIRECTORY); print(said(os.fsync, d), os.listdir(d))
        print(said(os.open, "z", os.O_RDONLY, dir_fd=d), said(os.open, ".", os.O_WRONLY))
    """,
    "links": """
        open("a", "w").write("a"); os.link("a", "b"); print(look("a"), os.stat("a").st_ino == os.stat("b").st_ino)
        print(said(os.link, "a", "b"), said(os.link, "none", "c")); os.unlink("a"); print(look("b"))
        fd = os.open("b", os.O_RDWR); os.unlink("b"); print(os.fstat(fd).st_nlink, os.write(fd, b"more"), os.pread(fd, 9, 0))
        os.symlink("t", "s"); print(os.readlink("s"), said(open, "s"), look("s")); open("s", "w").write("via")
        print(open("t").read(), said(os.open, "s", os.O_NOFOLLOW), said(os.readlink, "t"))
        os.mkdir("dir"); os.symlink("../t", "dir/up"); print(open("dir/up").read())
        print(said(os.mkfifo, "p") in (None, "EPERM"))
    """,
    "attributes": """
        open("f", "w").close(); os.chmod("f", 0o600); os.utime("f", ns=(10**18 + 5, 10**18 + 7))
        s = os.stat("f"); print(oct(s.st_mode), s.st_mtime_ns, s.st_atime_ns); os.umask(0o077)
        open("g", "w").close(); print(look("g")); os.mkdir("d"); print(look("d")); os.umask(0o002)
        os.mkdir("e"); print(look("e")); os.utime("f"); print(os.stat("f").st_mtime_ns > 10**18 + 7)
        print(said(os.setxattr, "f", "user.a", b"1"), said(os.getxattr, "f", "user.b"), os.access("f", os.R_OK))
        print(said(os.getxattr, "f", "user.a"), said(os.removexattr, "f", "user.a"), said(os.listxattr, "f"))
        print(os.statvfs(".").f_namemax)
    """,
    "listing": """
        for n in range(300): open(f"file-with-a-name-{n:04}", "w").close()
        print(len(os.listdir(".")), sorted(os.listdir("."))[::99], len(set(os.listdir("."))))
        print(all(e.is_file() for e in os.scandir(".")))
    """,
    "locks": """
        import struct
        fd = os.open("f", os.O_RDWR | os.O_CREAT); other = os.open("f", os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_EX); print(said(fcntl.flock, other, fcntl.LOCK_EX | fcntl.LOCK_NB))
        fcntl.flock(fd, fcntl.LOCK_SH); print(said(fcntl.flock, other, fcntl.LOCK_SH | fcntl.LOCK_NB))
        os.close(fd); fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB); os.close(other)
        fd = os.open("f", os.O_RDWR); fcntl.lockf(fd, fcntl.LOCK_EX, 10, 5)
        if os.fork() == 0:
            ask = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
            kind, _, start, length, _ = struct.unpack("hhqqi4x", fcntl.fcntl(fd, fcntl.F_GETLK, ask))
            print(kind == fcntl.F_WRLCK, start, length, said(fcntl.lockf, fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 7))
            print(said(fcntl.lockf, fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 20), flush=True); os._exit(0)
        os.wait(); again = os.open("f", os.O_RDWR); os.close(again)
        if os.fork() == 0:
            print("given up at any close:", said(fcntl.lockf, fd, fcntl.LOCK_EX | fcntl.LOCK_NB), flush=True); os._exit(0)
        os.wait()
    """,
    "atomic replacement": """
        for n in range(3):
            fd = os.open("t", os.O_WRONLY | os.O_CREAT | os.O_TRUNC); os.write(fd, b"%d" % n * n); os.fsync(fd)
            os.close(fd); os.replace("t", "f"); d = os.open(".", os.O_RDONLY); os.fsync(d); os.close(d)
            print(open("f").read(), os.listdir("."))
        import tempfile, shutil
        with tempfile.TemporaryDirectory(dir=".") as d: open(d + "/x", "w").write("1"); shutil.copy(d + "/x", "y")
        print(sorted(os.listdir(".")), open("y").read())
    """,
}


def on_tmpfs(program: str) -> str:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as root:
        text = f"import os, fcntl, errno, sys\nos.chdir({root!r})\n"
        command = [sys.executable, "-I", "-c", text + PRELUDE + textwrap.dedent(program)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no /dev/shm to compare with")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_over_a_mount_sees_what_it_sees_on_a_real_tmpfs(name):
    program = PROGRAMS[name]
    with mounts() as (one,):
        assert run(one, PRELUDE + textwrap.dedent(program)) == on_tmpfs(program)


def test_what_programs_ask_is_known():
    """No request is answered with "not implemented" but those that may be."""
    asked = set()
    for program in PROGRAMS.values():
        with mounts() as (one,):
            run(one, PRELUDE + textwrap.dedent(program))
            asked.update(one.asked)
    assert not [name for name in asked if name not in Op.__members__]
    answered = {Op[name] for name in asked}
    assert {
        Op.SETLKW,
        Op.GETLK,
        Op.RENAME2,
        Op.LINK,
        Op.FALLOCATE,
        Op.LSEEK,
        Op.FSYNCDIR,
    } <= answered
    assert not answered & {Op.READDIRPLUS, Op.POLL}
    assert Op.WRITE not in SILENT


def test_a_file_that_is_mapped_shared_is_refused_at_once():
    program = "import mmap; fd = os.open('f', os.O_RDWR | os.O_CREAT); os.ftruncate(fd, 9); mmap.mmap(fd, 9)"
    with mounts() as (one,), pytest.raises(AssertionError, match="No such device"):
        run(one, program)


def test_a_lock_that_another_replica_holds_is_waited_for():
    hold = """
        fd = os.open('f', os.O_RDWR | os.O_CREAT); fcntl.flock(fd, fcntl.LOCK_EX)
        import time; open('ready', 'w').close()
        while not os.path.exists('asked'): time.sleep(0.01)
        os.write(fd, b'first '); os.close(fd)
    """
    ask = """
        import time
        while not os.path.exists('ready'): time.sleep(0.01)
        fd = os.open('f', os.O_RDWR | os.O_APPEND)
        try: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError: print('busy')
        open('asked', 'w').close(); fcntl.flock(fd, fcntl.LOCK_EX); os.write(fd, b'second')
        print(open('f').read())
    """
    with mounts(2) as (first, second):
        _, said = until_ended([first, second], start(first, hold), start(second, ask))
    assert said == "busy\nfirst second\n"


def test_a_signal_ends_the_wait_for_a_lock():
    hold = "fd = os.open('f', os.O_RDWR | os.O_CREAT); fcntl.flock(fd, fcntl.LOCK_EX)\n"
    program = hold + textwrap.dedent("""
        import signal
        class Rang(Exception): pass
        def ring(*_): raise Rang
        signal.signal(signal.SIGALRM, ring)
        other = os.open('f', os.O_RDWR)
        try: fcntl.flock(other, fcntl.LOCK_EX)
        except Rang: print('rang')
    """)
    with mounts() as (one,):
        process = start(one, program)

        def ring() -> None:
            while one.asked.count("SETLKW") < 2 and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(
                signal.SIGALRM
            )  # it waits: the file system was asked, and has not answered

        ringing = threading.Thread(target=ring)
        ringing.start()
        assert until_ended([one], process) == ["rang\n"]
        ringing.join()


def test_locks_of_a_replica_that_died_are_free():
    with mounts(2) as (first, second):
        run(first, "open('f', 'w').close()")
        dying = start(
            first,
            "fd = os.open('f', 2); fcntl.lockf(fd, fcntl.LOCK_EX); fcntl.flock(fd, 2); os.kill(os.getpid(), 9)",
        )
        with pytest.raises(AssertionError):
            until_ended([first], dying)
        first.bridge.end()
        assert (
            run(
                second,
                "fd = os.open('f', 2); fcntl.lockf(fd, 6); fcntl.flock(fd, 6); print('mine')",
            )
            == "mine\n"
        )


def test_a_replica_on_nfs_sees_what_another_wrote_once_it_opens_the_file():
    with mounts(2, "nfs4") as (first, second):
        run(first, "open('f', 'w').write('one')")
        assert run(second, "print(open('f').read(), os.stat('f').st_size)") == "one 3\n"
        run(first, "open('t', 'w').write('longer'); os.rename('t', 'f')")
        assert run(second, "print(open('f').read())") == "longer\n"
