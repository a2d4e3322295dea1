"""A process that has imported what it was told to, and forks servers for whoever holds the other end.

Run by path after ``becoming``, in its namespace, with the number of a socket. Messages are marshalled, a
length of four bytes before each. First comes what is to be imported; what is answered is why this process
is no good, or nothing. Then orders: to begin a server, and to say how one has ended.

It is good only where nobody could tell its forks from a new interpreter by what it has besides: one thread,
three descriptors, no handler of signals, the paths, the environment and the modules as they were, save for
those that were asked for, from the places from which they were asked for.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from patchstorm.live.warm.becoming import (
        _AT_START,
        _marshal,
        act,
        dress,
        enter,
        hidden,
        retitle,
    )

LENGTH_BYTES = 4
LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_signal = hidden("_signal")


def _received(channel: int) -> Any:
    length = int.from_bytes(_read(channel, LENGTH_BYTES), "little")
    return _marshal.loads(_read(channel, length))


def _read(channel: int, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = os.read(channel, length - len(data))
        if not more:
            os._exit(0)  # whoever wanted servers is gone
        data += more
    return data


def _say(channel: int, message: object) -> None:
    data = _marshal.dumps(message, 2)
    data = len(data).to_bytes(LENGTH_BYTES, "little") + data
    while data:
        data = data[os.write(channel, data) :]


def _state(channel: int) -> dict[str, object]:
    """What imports have no business with."""
    numbers = [one for one in range(1, _signal.NSIG) if one not in (32, 33)]
    listed = os.listdir("/proc/self/fd")  # with the descriptor of this very listing
    return {
        "threads": os.listdir("/proc/self/task"),
        "descriptors": sorted(int(one) for one in listed if int(one) > 2)[:1] == [channel]
        and len(listed),
        "signal handlers": [repr(_signal.getsignal(one)) for one in numbers],
        "sys.path": list(sys.path),
        "sys.meta_path": [repr(one) for one in sys.meta_path],
        "the environment": dict(os.environ),
        "the directory": os.getcwd(),
        "sys.excepthook": repr(sys.excepthook),
        "sys.stdout": (id(sys.stdin), id(sys.stdout), id(sys.stderr)),
    }


def preload(channel: int, told: dict[str, Any]) -> list[list[str]]:
    """Import what is wanted, in the order in which all happened; what was wrong: a module, why, and what it
    brought where it brought something."""
    startup, wanted = set(told["startup"]), told["wanted"]
    if startup ^ _AT_START:
        return [["", f"it begins with other modules: {sorted(startup ^ _AT_START)}", ""]]
    before = _state(channel)
    wrong: list[list[str]] = []
    for kind, name, *value in told["happened"]:
        if kind == "set":
            os.environ[name] = value[0]
        elif kind == "unset":
            os.environ.pop(name, None)
        elif name in wanted:
            wrong += _one(name, wanted)
    _clothe(before["the environment"])
    after = _state(channel)
    changed = [what for what in before if before[what] != after[what]]
    if changed and not wrong:
        wrong.append(["", f"what was imported changes {', '.join(changed)}", ""])
    return wrong


def _one(name: str, wanted: dict[str, str]) -> list[list[str]]:
    known = set(sys.modules)
    try:
        __import__(name)
    except BaseException as error:
        return [[name, f"cannot be imported on its own: {error!r}", ""]]
    origin = getattr(getattr(sys.modules.get(name), "__spec__", None), "origin", None)
    if origin != wanted[name]:
        return [[name, f"is another one: {origin}", ""]]
    new = [one for one in sys.modules if one not in known and one not in wanted]
    return [[name, f"brings {one}", one] for one in new if _imported(one, sys.modules[one])]


def _clothe(environment: Any) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _imported(name: str, module: object) -> bool:
    """Whether a module was imported, and is not another name of one, or made by one as it was imported."""
    spec = getattr(module, "__spec__", None)
    return getattr(spec, "name", None) == name and getattr(spec, "origin", None) is not None


def serve(channel: int) -> dict[str, Any]:
    """Do what is asked. It returns in the forks alone, with what each is to be."""
    while True:
        asked = _received(channel)
        if "wait" in asked:
            try:
                _, status = os.waitpid(asked["wait"], 0)
                _say(channel, os.waitstatus_to_exitcode(status))
            except ChildProcessError:
                _say(channel, None)
            continue
        ready, tells = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ready)
            os.close(channel)
            try:
                _begin(asked)
            except BaseException as error:
                os.write(tells, repr(error).encode())
                os._exit(1)
            os.close(tells)
            return asked  # type: ignore[no-any-return]
        os.close(tells)
        why = os.read(ready, 1000).decode("utf-8", "replace")
        os.close(ready)
        if why:
            os.waitpid(pid, 0)
        _say(channel, [pid, why])


def _begin(order: dict[str, Any]) -> None:
    os.setsid()
    log = os.open(order["log"], LOG_FLAGS, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    if order["holder"]:
        enter(order["holder"])
    os.chdir(order["directory"])
    with open("/proc/self/comm", "wb") as file:
        file.write(os.fsencode(order["title"]))
    dress(order)
    retitle(order["argv"], order["environment"])


if __name__ == "patchstorm zygote":
    _channel = int(sys.argv[-1])
    if sys.path[:1] == [""]:
        del sys.path[0]
    _told = _received(_channel)
    _wrong = preload(_channel, _told)
    _say(_channel, _wrong)
    if not _wrong:
        act(serve(_channel))
