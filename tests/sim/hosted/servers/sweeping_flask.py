"""The small server on Flask, with a thread that looks at every upload under its lock, again and again.

``KEPT=1`` keeps the lock of the first one it meets when that is published.
"""

import fcntl
import os
import threading
import time

import store
from race_flask import app

__all__ = ["app"]

KEPT = os.environ.get("KEPT") == "1"
kept = []


def sweep():
    while True:
        for path in sorted(store.ROOT.glob("*.size")):
            look(path)
        time.sleep(0.005)


def look(path):
    with open(store.ROOT / "sweep.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if KEPT and not kept:
            kept.append(os.dup(lock.fileno()))
        path.stat()
        time.sleep(0.02)


threading.Thread(target=sweep, daemon=True).start()
