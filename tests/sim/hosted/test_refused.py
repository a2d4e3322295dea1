"""What would happen for real is refused: by name, with the line that asks for it and the world that can."""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
from pathlib import Path

import pytest

from patchstorm.errors import UsageError
from patchstorm.worlds.sim.hosted.install import check_python

from .probing import said
from .running import needs

REFUSED = {
    "subprocess": ("import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''])", "process"),
    "fork": ("os.fork()", "process"),
    "connection": ("import socket\nsocket.create_connection(('127.0.0.1', 9))", "127.0.0.1:9"),
    "listening": ("import socket\nsocket.socket().bind(('127.0.0.1', 0))", "real socket"),
    "mkdir": ("os.mkdir('/var/tmp/patchstorm-nowhere')", "/var/tmp/patchstorm-nowhere"),
    "open": ("open('/var/tmp/patchstorm-nowhere', 'w')", "/var/tmp/patchstorm-nowhere"),
    "open to change": ("open('/etc/passwd.size', 'r+')", "open of /etc/passwd.size lies outside"),
    "open beside": ("(ROOT / '/etc/passwd').open('ab')", "open of /etc/passwd lies outside"),
    "unlink": ("os.unlink('/var/tmp/patchstorm-nowhere')", "/var/tmp/patchstorm-nowhere"),
    "mmap": ("import mmap\nmmap.mmap(-1, 100)", "mmap"),
    "sqlite3": ("import sqlite3\nsqlite3.connect(ROOT / 'x.db')", "sqlite3"),
    "kill": ("os.kill(os.getpid(), 15)", "os.kill"),
    "exit": ("os._exit(3)", "os._exit"),
    "thread": ("import _thread\n_thread.start_new_thread(print, ())", "thread"),
    "datagram": (
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
        "sendto",
    ),
    "unix socket": (
        "import socket\nsocket.socket(socket.AF_UNIX).connect('/run/database.sock')",
        "a real connection",
    ),
    "server socket": ("import http.server\nhttp.server.HTTPServer(('', 0), None)", "real socket"),
    "selector": ("import selectors\nselectors.DefaultSelector()", "select.epoll"),
    "select": ("import select\nselect.select([], [], [], 1)", "select.select"),
    "semaphore": ("import multiprocessing\nmultiprocessing.Lock()", "multiprocessing"),
    "pause": ("import signal\nsignal.pause()", "signal.pause"),
    "symlink": ("os.symlink(ROOT / 'a', '/var/tmp/patchstorm-nowhere')", "/var/tmp"),
    "truncate": ("os.truncate('/var/tmp/patchstorm-nowhere', 0)", "/var/tmp"),
    "dumb": ("import dbm.dumb\ndbm.dumb.open('/var/tmp/patchstorm-nowhere', 'c')", "/var/tmp"),
    "shared": (
        "from multiprocessing import shared_memory\nshared_memory.SharedMemory(create=True, size=64)",
        "shared memory",
    ),
    "library": ("import ctypes\nctypes.CDLL(None)", "a library of C"),
    "spawned": (
        "from multiprocessing import get_context\nget_context('spawn').Process(target=print).start()",
        "multiprocessing",
    ),
    "forkserver": (
        "from multiprocessing import get_context\nget_context('forkserver').Process(target=print).start()",
        "multiprocessing",
    ),
    "swallowed": (
        "try:\n    os.mkdir('/var/tmp/patchstorm-nowhere')\nexcept Exception:\n    pass",
        "mkdir",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_simulated_is_refused_by_name(what: str, tmp_path: Path) -> None:
    code, named = REFUSED[what]
    with pytest.raises(UsageError) as refused:
        said(tmp_path, code)
    message = str(refused.value)
    assert named in message
    assert "probed.py:" in message
    assert "processes" in message


@pytest.mark.parametrize("name", ["dbm.ndbm", "dbm.gnu"])
def test_databases_of_c_are_refused_by_name(name: str, tmp_path: Path) -> None:
    """They open their files themselves, and no audit event tells of it."""
    pytest.importorskip(name, exc_type=ImportError)
    with pytest.raises(UsageError, match=name):
        said(tmp_path, f"import {name}\n{name}.open(str(ROOT / 'x'), 'c')")
    with pytest.raises(UsageError, match=r"dbm|/var/tmp"):
        said(tmp_path, "import shelve\nshelve.open('/var/tmp/patchstorm-nowhere')")
    assert not list(Path("/var/tmp").glob("patchstorm-nowhere*"))


def test_outside_of_simulated_processes_all_of_it_works_as_ever(tmp_path: Path) -> None:
    said(tmp_path, "pass")
    (tmp_path / "new").mkdir()
    sqlite3.connect(tmp_path / "x.db").close()
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))


def test_a_newer_python_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    with pytest.raises(UsageError, match=r"Python 3\.14 keeps .* 3\.13"):
        check_python()


def test_what_belongs_to_the_machine_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("as it was written")
    lines = said(tmp_path, f"print(open({str(tmp_path / 'note.txt')!r}).read())")
    assert lines == [["as it was written"]] * 2


BINDS = {
    "uvicorn's workers": "import uvicorn\nuvicorn.run('probed:app', workers=2)",
    "uvicorn's socket": "import uvicorn\nuvicorn.Config(None, port=0).bind_socket()",
    "wsgiref": "from wsgiref.simple_server import make_server\nmake_server('', 0, app)",
    "a socket": "import socket\nsocket.create_server(('127.0.0.1', 0))",
    "a path": "import socket\nsocket.socket(socket.AF_UNIX).bind(str(ROOT / 's'))",
}


@pytest.mark.parametrize("how", BINDS)
def test_who_listens_on_a_socket_of_its_own_is_told_to_name_the_application(
    how: str, tmp_path: Path
) -> None:
    if "uvicorn" in how:
        needs("uvicorn")
    with pytest.raises(UsageError) as refused:
        said(tmp_path, BINDS[how])
    message = str(refused.value)
    assert message.startswith(f"{tmp_path / 'probed.py'}:11")
    assert "(bind)" in message
    assert 'app = "module:app" in [simulate]' in message


def test_a_connection_that_is_refused_is_no_reason_to_name_an_application(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        said(tmp_path, "import socket\nsocket.create_connection(('127.0.0.1', 9))")
    assert "module:app" not in str(refused.value)


def test_uvicorn_without_workers_listens_in_the_simulator(tmp_path: Path) -> None:
    needs("uvicorn")
    code = """
        import threading
        import uvicorn
        async def served(scope, receive, send):
            pass
        def work():
            uvicorn.run(served, log_level="critical", lifespan="off")
        threading.Thread(target=work).start()
        print("goes on")
    """
    assert said(tmp_path, code) == [["goes on"]] * 2


SPOKEN = {
    "os.write": "print(os.write(1, b'told\\n'), os.write(2, b'heard\\n'))",
    "os.writev": "print(os.writev(1, [b'to', b'ld\\n']), os.writev(2, [b'heard\\n']))",
    "__stdout__": "print('told', file=sys.__stdout__); print('heard', file=sys.__stderr__); print('5 6')",
    "buffer": "sys.stdout.buffer.write(b'told\\n'); sys.stderr.buffer.write(b'heard\\n'); print('5 6')",
    "open": "print('told', file=open(1, 'w')); open(2, 'wb').write(b'heard\\n'); print('5 6')",
    "fdopen": "print('told', file=os.fdopen(os.dup(1), 'w')); os.write(os.dup(2), b'heard\\n'); print('5 6')",
    "device": "print('told', file=open('/dev/stdout', 'w')); open('/dev/stderr', 'ab').write(b'heard\\n')\n"
    "print('5 6')",
    "path": "from pathlib import Path\nPath('/dev/stdout').write_text('told\\n')\n"
    "Path('/dev/fd/2').write_bytes(b'heard\\n'); print('5 6')",
    "logging": "import logging\nlog = logging.Logger('own')\n"
    "log.addHandler(logging.FileHandler('/dev/stdout'))\nlog.error('told'); log.error('heard'); print('5 6')",
}


@pytest.mark.parametrize("how", SPOKEN)
def test_what_is_written_to_standard_streams_is_kept_by_whatever_way(
    how: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = said(tmp_path, f"import sys\n{SPOKEN[how]}")
    assert lines == [["told", "heard", "5 6"]] * 2
    assert "told" not in "".join(capfd.readouterr())


def test_standard_streams_stay_open_whatever_a_server_does(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """They are those of whoever runs Patchstorm."""
    code = """
        import sys
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.close(1)
        sys.stdout.close()
        sys.stdout.reconfigure(write_through=True)
        with open(os.devnull, "w") as nowhere:
            print("nobody reads it", file=nowhere)
        print("goes on")
    """
    assert said(tmp_path, code) == [["goes on"]] * 2
    os.write(1, b"is seen\n")
    print("as well")
    assert capfd.readouterr().out == "is seen\nas well\n"
    assert "simulated" not in repr(sys.__stdout__)
