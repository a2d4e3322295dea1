"""What a replica is told when it starts. Secrets never show in a ``repr``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Creation = Literal["on", "off", "bearer"]

SIZE_MAX_DEFAULT = 1 << 40
LIFETIME_S_DEFAULT = 24 * 3600
CONNECTIONS_MAX_DEFAULT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the wire needs to know; the same for every replica of a fleet.

    ``size_max`` bounds an upload in bytes, ``lifetime_s`` is how long a token minted by POST holds.
    ``public_url`` is how clients reach the fleet, such as ``https://files.example.org``; empty means:
    as the request says. ``creation`` says who may POST: anyone, nobody, or who shows
    ``creation_secret`` as a bearer token. ``origins`` names whose pages may upload from a browser:
    ``*`` for any, nothing for none but the server's own.
    """

    secret: bytes = field(repr=False)
    base_path: str = "/upload"
    public_url: str = ""
    size_max: int = SIZE_MAX_DEFAULT
    lifetime_s: int = LIFETIME_S_DEFAULT
    creation: Creation = "on"
    creation_secret: bytes = field(default=b"", repr=False)
    origins: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """One replica: where it listens, which directory it shares, and its bounds in seconds.

    ``lock_wait_s``: how long a request waits for a busy upload before it answers 423.
    ``idle_s``: how long a body may stand still. ``grace_s``: how long a stop waits for requests.
    ``connections``: how many there may be at once; each takes some memory and a descriptor, and a body
    on its way in another one.
    """

    root: str
    settings: Settings
    host: str = "127.0.0.1"
    port: int = 0
    variant: str = "reference"
    lock_wait_s: float = 10.0
    idle_s: float = 60.0
    grace_s: float = 10.0
    sweep_s: float = 1.0
    workers: int = 8
    connections: int = CONNECTIONS_MAX_DEFAULT
    log_level: str = "info"
