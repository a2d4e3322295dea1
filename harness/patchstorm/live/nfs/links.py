"""Sets network interfaces up without a process: quick, and a fault cannot wait for one to start.

The calls are those of netdevice(7) and concern the network namespace of the caller.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from typing import Final

_GET_FLAGS: Final = 0x8913  # SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK
_SET_FLAGS: Final = 0x8914
_SET_ADDRESS: Final = 0x8916
_SET_MASK: Final = 0x891C
_UP: Final = 1
_FLAGS: Final = struct.Struct("16sH22x")
_ADDRESS: Final = struct.Struct("16sHH4s16x")


def set_link(name: str, *, up: bool) -> None:
    """Switch the interface ``name``; OSError if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        asked = fcntl.ioctl(sock, _GET_FLAGS, _FLAGS.pack(name.encode(), 0))
        flags = _FLAGS.unpack(asked)[1]
        flags = flags | _UP if up else flags & ~_UP
        fcntl.ioctl(sock, _SET_FLAGS, _FLAGS.pack(name.encode(), flags))


def set_address(name: str, address: str, mask: str = "255.255.255.0") -> None:
    """Give the interface ``name`` an address, and with it the route to its network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for call, value in ((_SET_ADDRESS, address), (_SET_MASK, mask)):
            packed = _ADDRESS.pack(name.encode(), socket.AF_INET, 0, socket.inet_aton(value))
            fcntl.ioctl(sock, call, packed)
