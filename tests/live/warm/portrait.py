"""A server that says how it finds itself, in its scratch directory, and then answers 204 to everybody."""

from __future__ import annotations

import asyncio
import gc
import http.server
import json
import logging
import multiprocessing.process
import os
import random
import resource
import signal
import site
import sys
import sysconfig
import threading
import zoneinfo

import msgspec

USED = (asyncio, zoneinfo, msgspec)


def read(path: str) -> str:
    with open(path) as file:
        return file.read()


def portrait() -> dict[str, object]:
    pid = os.getpid()
    status = dict(line.split(":\t", 1) for line in read("/proc/self/status").splitlines())
    kept = ("Umask", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
            "NoNewPrivs", "Seccomp", "Threads", "Uid", "Gid", "Groups")  # fmt: skip
    limits = [name for name in dir(resource) if name.startswith("RLIMIT_") and "RTTIME" not in name]
    main = sys.modules["__main__"]
    return {
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "path": sys.path,
        "flags": repr(sys.flags),
        "executable": [sys.executable, sys.prefix, sys.base_prefix],
        "warnoptions": sys.warnoptions,
        "modules": sorted(sys.modules),
        "meta_path": [repr(one) for one in sys.meta_path],
        "environment": dict(os.environ),
        "of posix": {os.fsdecode(k): os.fsdecode(v) for k, v in sys.modules["posix"].environ.items()},
        "of the kernel": read("/proc/self/environ").split("\0"),
        "command line": read("/proc/self/cmdline").split("\0"),
        "title": read("/proc/self/comm"),
        "program": os.readlink("/proc/self/exe"),
        "directory": os.getcwd(),
        "status": {name: status.get(name) for name in kept},
        "files": {fd: kind_of(int(fd)) for fd in sorted(os.listdir("/proc/self/fd"))},
        "leads": [os.getsid(0) == pid, os.getpgrp() == pid],
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in limits},
        "namespaces": {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "user", "pid", "net")},
        "handlers": [repr(signal.getsignal(one)) for one in signal.valid_signals()],
        "main": {name: repr(value) for name, value in vars(main).items() if name in MAIN},
        "threads": [threading.active_count(), threading.main_thread().native_id == pid],
        "site": [site.USER_BASE, site.USER_SITE, sysconfig.get_config_var("userbase")],
        "began in": multiprocessing.process.ORIGINAL_DIR,
        "streams": [
            [one.encoding, one.errors, one.line_buffering, one.write_through, one.isatty(), one.name]
            for one in (sys.stdin, sys.stdout, sys.stderr)
        ],
        "gc": [gc.isenabled(), gc.get_threshold()],
        "recursion": sys.getrecursionlimit(),
        "loggers": [logging.root.level, len(logging.root.handlers)],
        "dumpable": os.stat("/proc/self/status").st_uid,
        "nice": os.nice(0),
    }  # fmt: skip


MAIN = (
    "__name__", "__file__", "__package__", "__spec__", "__doc__", "__cached__", "__loader__", "__builtins__",
    "__annotations__",
)  # fmt: skip


def kind_of(fd: int) -> list[object]:
    try:
        return [os.readlink(f"/proc/self/fd/{fd}"), os.get_inheritable(fd)]
    except OSError:
        return ["gone"]  # the listing's own


class Handler(http.server.BaseHTTPRequestHandler):
    def do_OPTIONS(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return None


def main() -> None:
    out, port = sys.argv[1], int(sys.argv[2])
    chance = {"hash": hash("a word"), "random": random.random(), "logging": logging._startTime}
    with open(f"{out}/portrait.json", "w") as file:
        json.dump({"portrait": portrait(), "chance": chance}, file)
    http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
