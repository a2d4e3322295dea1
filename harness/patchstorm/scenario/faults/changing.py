"""Which requests to a companion change something there, as far as their bytes tell.

Redis and Valkey are understood (RESP, and commands in a line as people type them): the commands that their
documentation flags as read-only, and those that concern a connection alone, change nothing. Whatever else is
said, in this or any other protocol, is taken for a change.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

READ: Final = frozenset(
    b"""
    bitcount bitfield_ro bitpos dbsize dump eval_ro evalsha_ro exists expiretime fcall_ro geodist geohash
    geopos georadius_ro georadiusbymember_ro geosearch get getbit getrange hexists hexpiretime hget hgetall
    hkeys hlen hmget hpexpiretime hpttl hrandfield hscan hstrlen httl hvals keys lcs lindex llen lolwut lpos
    lrange memory mget object pexpiretime pfcount pttl randomkey scan scard sdiff sinter sintercard sismember
    smembers smismember sort_ro srandmember sscan strlen substr sunion touch ttl type xinfo xlen xpending
    xrange xread xrevrange zcard zcount zdiff zinter zintercard zlexcount zmscore zrandmember zrange
    zrangebylex zrangebyscore zrank zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion
    """.split()
)
"""Flagged ``readonly`` in the commands' reference (redis.io/docs/latest/commands)."""
OF_THE_CONNECTION: Final = frozenset(
    b"""
    acl asking auth client cluster command config discard echo function hello info latency module monitor
    multi ping psubscribe punsubscribe quit readonly readwrite reset role script select slowlog ssubscribe
    subscribe sunsubscribe time unsubscribe unwatch wait waitaof watch
    """.split()
)
"""About the connection, or the server as a whole, and about no data."""
SCRIPTS: Final = frozenset({b"eval", b"evalsha", b"fcall"})
AGAIN: Final = 3
"""So many of a kind pass until another is lost: what is done again has to show whether it counts twice."""
_ARRAY: Final = re.compile(rb"\*(\d+)\r\n")
_BULK: Final = re.compile(rb"\$(\d+)\r\n")


def changes(asked: bytes) -> Iterator[bytes]:
    """What each change in ``asked`` is known by: its first word in small letters, of a script that one, too.

    ``asked`` may begin or end within a request; where none can be told from it, it counts as one change.
    """
    at = 0
    while at < len(asked):
        words, at = _words(asked, at)
        if not words:
            continue
        name = words[0].lower()
        if name not in READ and name not in OF_THE_CONNECTION:
            yield b" ".join((name, *words[1:2])) if name in SCRIPTS else name


def _words(asked: bytes, at: int) -> tuple[list[bytes], int]:
    """The first words of the request at ``at``, and where the next one begins."""
    array = _ARRAY.match(asked, at)
    if array is None:
        end = asked.find(b"\n", at)
        end = len(asked) if end < 0 else end + 1
        return asked[at:end].split(maxsplit=2)[:2], end
    words: list[bytes] = []
    at = array.end()
    for _ in range(int(array[1])):
        bulk = _BULK.match(asked, at)
        if bulk is None:
            return words, len(asked)  # it goes on in the next piece
        words.append(asked[bulk.end() : bulk.end() + int(bulk[1])])
        at = bulk.end() + int(bulk[1]) + 2
    return words, at


class Sparing:
    """Takes what changes something, and lets what is asked again pass."""

    def __init__(self) -> None:
        self._pass: Counter[bytes] = Counter()

    def takes(self, kinds: Iterable[bytes]) -> bool:
        """Whether a request that makes these changes is lost, or its reply."""
        taken = False
        for kind in kinds:
            if self._pass[kind]:
                self._pass[kind] -= 1
            else:
                self._pass[kind] = AGAIN
                taken = True
        return taken
