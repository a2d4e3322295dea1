"""Redis and Valkey: fakeredis's commands and data, behind the bytes that their clients speak.

fakeredis keeps time with ``time.time`` and blocks with ``threading``, so in a simulated process its keys
expire by the process's clock and ``BLPOP`` waits as a task. Of its package the parts below a client are
used, which it does not promise to keep: ``pyproject.toml`` bounds its version.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from fakeredis import FakeServer
from fakeredis._commands import SUPPORTED_COMMANDS, Key
from fakeredis._helpers import SimpleError, SimpleString
from fakeredis._socket import FakeSocket

from patchstorm.worlds.sim.hosted.service import Asked, Push

WORD_CHARS_MAX: Final = 24
WORDS_MAX: Final = 8
ALL: Final = "all keys"
"""What commands that name no key are about, and all others read."""
READING: Final = frozenset({
    "bitcount", "dump", "exists", "expiretime", "get", "getbit", "getrange", "hexists", "hget", "hgetall",
    "hkeys", "hlen", "hmget", "hvals", "lindex", "llen", "lrange", "mget", "object", "pexpiretime", "pttl",
    "scard", "sismember", "smembers", "smismember", "strlen", "ttl", "type", "watch", "zcard", "zcount",
    "zrange", "zrangebyscore", "zrank", "zscore",
})  # fmt: skip
QUIET: Final = frozenset({
    "auth", "client", "command", "echo", "hello", "info", "multi", "ping", "quit", "reset", "select",
    "unwatch",
})  # fmt: skip
"""Commands that concern their own connection alone."""
SCRIPTS: Final = frozenset({"eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro"})


class Redis:
    """One server."""

    port: Final = 6379
    kind: Any = "redis"

    def __init__(self) -> None:
        self._server = FakeServer(server_type=self.kind)
        self._numbers = itertools.count(1)

    def session(self, push: Push) -> Redis.Session:
        return self.Session(self._server, push, next(self._numbers))

    def restart(self) -> None:
        """The cache of scripts is not kept (SCRIPT LOAD), and nobody is subscribed any more."""
        self._server.script_cache.clear()
        for known in (
            self._server.subscribers, self._server.psubscribers, self._server.ssubscribers,
        ):  # fmt: skip
            known.clear()

    def flush(self) -> None:
        with self._server.lock:
            for database in self._server.dbs.values():
                database.clear()

    def expire(self) -> int:
        """Every key that would expire some time does so now."""
        count = 0
        with self._server.lock:
            for database in self._server.dbs.values():
                items = database._dict.items()
                leases = [key for key, item in items if item.expireat is not None]
                for key in leases:
                    del database[key]
                    database.notify_watch(key)
                count += len(leases)
        return count

    class Session:
        """One connection."""

        def __init__(self, server: FakeServer, push: Push, number: int) -> None:
            self._socket = _Socket(server, push, number)
            self._words = _words()
            next(self._words)

        def read(self, data: bytes) -> Iterator[Asked]:
            for words in self._words.send(data):
                name = words[0].decode("latin-1").lower()
                keys = keys_of(name, words[1:])
                yield Asked(
                    in_words(words),
                    partial(self._socket.perform, words),
                    reads=(*keys, ALL) if keys else (),
                    writes=() if name in READING else keys,
                )

        def told(self, reply: bytes) -> str:
            return reply_in_words(reply)

        def close(self) -> None:
            self._socket.close()


class Valkey(Redis):
    """The same with what Valkey has of its own."""

    kind: Any = "valkey"


class _Socket(FakeSocket):  # type: ignore[misc]
    """fakeredis's end of a connection; replies leave it as bytes. It is known by its number."""

    def __init__(self, server: FakeServer, push: Push, number: int) -> None:
        self._number = number
        self._push = push
        self._reply: list[bytes] | None = None
        super().__init__(server, 0, client_class=object)
        self._fileno = number

    def __hash__(self) -> int:
        """Sets of connections are walked in the order in which these were made, in every run."""
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other

    def perform(self, words: list[bytes]) -> bytes:
        """Carry out one command."""
        said: list[bytes] = []
        self._reply = said
        try:
            self._process_command(words)
        finally:
            self._reply = None
        return b"".join(said)

    def put_response(self, msg: Any) -> None:
        data = encoded(msg, self._client_info.protocol_version)
        if self._reply is None:
            self._push(data)
        else:
            self._reply.append(data)

    def _decode_error(self, error: SimpleError) -> Any:
        return error

    def _decode_result(self, result: Any) -> Any:
        return result


def _words() -> Any:
    """The commands that each piece of bytes completes, each as its words (RESP: arrays of bulk strings)."""
    held = bytearray()
    done: list[list[bytes]] = []
    while True:
        held += yield done
        done = []
        while (found := _command(held)) is not None:
            words, length = found
            del held[:length]
            if words:
                done.append(words)


def _command(held: bytearray) -> tuple[list[bytes], int] | None:
    """The first command and how many bytes it takes; None until it is whole."""
    end = held.find(b"\r\n")
    if end < 0:
        return None
    if held[:1] != b"*":
        words = bytes(held[:end]).split()  # inline, as people type them
        return words, end + 2
    words, at = [], end + 2
    for _ in range(int(held[1:end])):
        end = held.find(b"\r\n", at)
        if end < 0:
            return None
        if held[at : at + 1] != b"$":
            raise ValueError("no bulk string")
        length = int(held[at + 1 : end])
        at = end + 2 + length + 2
        if len(held) < at:
            return None
        words.append(bytes(held[end + 2 : at - 2]))
    return words, at


def encoded(value: Any, protocol: int) -> bytes:
    """A reply as RESP2 or RESP3 has it on the wire."""
    new = protocol >= 3
    if value is None:
        return b"_\r\n" if new else b"$-1\r\n"
    if isinstance(value, SimpleError):
        return b"-%b\r\n" % str(value.value).encode()
    if isinstance(value, SimpleString):
        return b"+%b\r\n" % value.value
    if isinstance(value, bool):
        return (b"#t\r\n" if value else b"#f\r\n") if new else b":%d\r\n" % value
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, float):
        return b",%b\r\n" % f"{value:.17g}".encode()
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"$%d\r\n%b\r\n" % (len(value), value)
    if isinstance(value, dict):
        items: Sequence[Any] = list(itertools.chain(*value.items()))
        head = b"%%%d\r\n" % len(value) if new else b"*%d\r\n" % len(items)
    else:
        items = list(value)
        head = b"*%d\r\n" % len(items)
    return head + b"".join(encoded(one, protocol) for one in items)


def keys_of(name: str, words: list[bytes]) -> tuple[str, ...]:
    """The keys that a command names; all of them where it touches keys and names none."""
    if name in QUIET:
        return ()
    if name in SCRIPTS and len(words) > 1 and words[1].isdigit():
        keys = words[2 : 2 + int(words[1])]
    else:
        known = SUPPORTED_COMMANDS.get(name)
        if known is None:
            return (ALL,)
        kinds = [*known.fixed]
        while known.repeat and len(kinds) < len(words):
            kinds += known.repeat
        keys = [word for word, kind in zip(words, kinds, strict=False) if isinstance(kind, Key)]
    return tuple(dict.fromkeys(f"key {_word(key)}" for key in keys)) or (ALL,)


def in_words(words: list[bytes]) -> str:
    """A command for people; of a script only that it is one."""
    told = [_word(word) for word in words]
    told[0] = told[0].upper()
    if told[0].lower() in SCRIPTS and len(told) > 1:
        told[1] = "..."
    return " ".join(told[:WORDS_MAX]) + " ..." * (len(told) > WORDS_MAX)


def _word(word: bytes) -> str:
    text = word.decode("latin-1")
    if not text.isprintable() or not text.isascii() or " " in text:
        return f"({len(word)} bytes)"
    return text if len(text) <= WORD_CHARS_MAX else f"{text[:WORD_CHARS_MAX]}..."


def reply_in_words(reply: bytes) -> str:
    """A reply for people."""
    kind, rest = reply[:1], reply[1:].partition(b"\r\n")
    if not reply:
        return ""
    if kind in b"_" or reply.startswith((b"$-1", b"*-1")):
        return "nil"
    if kind == b"$":
        return _word(rest[2][:-2])
    if kind in b"*%~":
        return f"{rest[0].decode()} values"
    return rest[0].decode("latin-1")
