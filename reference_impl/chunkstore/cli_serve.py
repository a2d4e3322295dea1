"""``python -m chunkstore --root DIR ...``: run one replica until it is told to stop.

Everything that can be wrong is looked at before the server's own modules are loaded, so that a
mistake is told at once and in one line.
"""

from __future__ import annotations

import argparse
import errno
import gc
import os
import resource
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from . import cli_values as values
from .cli_values import UsageError
from .config import (
    CONNECTIONS_MAX_DEFAULT,
    LIFETIME_S_DEFAULT,
    SIZE_MAX_DEFAULT,
    ServerConfig,
    Settings,
)
from .layout import UPLOADS
from .log import LEVELS

if TYPE_CHECKING:
    from .protocol import Exchange
    from .store import Store

_M_TRIM_THRESHOLD = -1  # malloc.h
_M_MMAP_THRESHOLD = -3


def run(
    arguments: Sequence[str],
    *,
    store_type: type[Store] | None = None,
    exchange_type: type[Exchange] | None = None,
) -> int:
    """Serve. Raises ``UsageError`` for whatever keeps the replica from starting.

    A store or exchange given here is served instead of the reference's, for those who test tests.
    """
    options = _parser().parse_args(arguments)
    config = _config(options)
    _prepare_root(config.root)
    with _listen(config.host, config.port) as listener:
        with _quick_start():
            from .protocol import Exchange as Reference
            from .server import run as serve

            store = _make_store(config, store_type)
        _keep_memory()
        serve(config, store, listener, exchange_type or Reference)
    return 0


def _keep_memory() -> None:
    """Let the allocator keep what it frees, within bounds (mallopt(3)).

    A body passes through buffers of a few hundred KiB. By default glibc hands each back to the kernel
    and asks for it again, and the page faults cost as much as the copying.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # another C library; it only costs time
    mallopt(_M_MMAP_THRESHOLD, 4 << 20)
    mallopt(_M_TRIM_THRESHOLD, 16 << 20)


@contextmanager
def _quick_start() -> Iterator[None]:
    """Load the server in about half the time; only for a process that is nothing but a server.

    aiohttp reads the host's certificate authorities as soon as it is imported, for TLS clients that
    this process never has. And nothing that is imported becomes garbage, so collecting waits.
    """
    authorities = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = os.devnull
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
        del os.environ["SSL_CERT_FILE"]
        if authorities is not None:
            os.environ["SSL_CERT_FILE"] = authorities


def _make_store(config: ServerConfig, store_type: type[Store] | None) -> Store:
    from concurrent.futures import ThreadPoolExecutor

    from .hashing import HashedBeside
    from .model import Options
    from .port import OsPort
    from .store import Store

    chosen = store_type or Store
    if config.variant != "reference":
        from .variants import VARIANTS

        if config.variant not in VARIANTS:
            known = ", ".join(["reference", *sorted(VARIANTS)])
            raise UsageError(f"--variant {config.variant} is not known; there are {known}")
        chosen = VARIANTS[config.variant]
    options = Options(size_max=config.settings.size_max)
    threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="hash")
    return chosen(OsPort(), config.root, options, partial(HashedBeside, threads))


def _config(options: argparse.Namespace) -> ServerConfig:
    creation_secret = b""
    if options.creation == "bearer":
        if options.creation_secret_file is None:
            raise UsageError("--creation bearer needs --creation-secret-file")
        creation_secret = values.read_secret(options.creation_secret_file, "--creation-secret-file")
    settings = Settings(
        secret=values.read_secret(options.secret_file, "--secret-file"),
        base_path=options.base_path,
        public_url=options.public_url,
        size_max=options.max_size,
        lifetime_s=options.expires_in,
        creation=options.creation,
        creation_secret=creation_secret,
        origins=options.cors_origins,
    )
    return ServerConfig(
        root=os.path.realpath(options.root),
        settings=settings,
        host=options.host,
        port=options.port,
        variant=options.variant,
        lock_wait_s=options.lock_wait,
        idle_s=options.idle_timeout,
        grace_s=options.grace,
        sweep_s=options.sweep_seconds,
        workers=options.workers,
        connections=options.connections,
        log_level=options.log_level,
    )


def _prepare_root(root: str) -> None:
    """Make the root and the place of uploads in it, and see that both can be written to."""
    uploads = f"{root}/{UPLOADS}"
    try:
        os.makedirs(uploads, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"--root {root} cannot hold uploads ({error.strerror}); name a directory you can write to"
        ) from error
    for path in (root, uploads):
        if not os.access(path, os.W_OK | os.X_OK):
            raise UsageError(f"--root {root} is read-only; name a directory you can write to")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            remedy = "stop the other server, or pass --port 0 for a free port"
            raise UsageError(f"port {port} on {host} is in use; {remedy}") from error
        raise UsageError(
            f"cannot listen on {host} port {port} ({error.strerror or error}); "
            "name an address of this host and a port that you may use"
        ) from error


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; write 0 to 65535")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chunkstore",
        description="Run one replica of the chunk store. See also: python -m chunkstore token --help",
    )
    add = parser.add_argument
    add("--root", required=True, metavar="DIR", help="the shared directory that files appear in")
    add("--secret-file", required=True, metavar="F", help="the fleet's secret, 16 bytes or more")
    add("--host", default="127.0.0.1", metavar="H", help="address to listen on (%(default)s)")
    add("--port", type=_port, default=8080, metavar="P", help="0 for a free port (%(default)s)")
    add("--base-path", type=values.base_path, default="/upload", metavar="PATH")
    add("--public-url", type=values.public_url, default="", metavar="URL", help="as clients see us")
    add("--variant", default="reference", metavar="NAME", help="a store kept for comparison")
    add(
        "--cors-origins",
        type=values.origins,
        default=("*",),
        metavar="ORIGINS",
        help="whose pages may upload: *, off, or https://a.example,https://b.example (*)",
    )
    _add_limits(parser)
    add("--log-level", choices=sorted(LEVELS, key=LEVELS.__getitem__), default="info")
    return parser


def _add_limits(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--creation", choices=("on", "off", "bearer"), default="on", help="who may POST")
    add("--creation-secret-file", metavar="F", help="what creators show as a bearer token")
    add("--max-size", type=values.size, default=SIZE_MAX_DEFAULT, metavar="N", help="1TiB")
    add("--expires-in", type=values.whole_seconds, default=LIFETIME_S_DEFAULT, metavar="TIME")
    add("--lock-wait", type=values.seconds, default=10.0, metavar="TIME", help="then 423 (10s)")
    add("--idle-timeout", type=values.positive_seconds, default=60.0, metavar="TIME", help="60s")
    add("--grace", type=values.positive_seconds, default=10.0, metavar="TIME", help="for a stop")
    add("--sweep-seconds", type=values.positive_seconds, default=1.0, metavar="TIME", help="1s")
    add("--workers", type=values.count, default=_workers_default(), metavar="N", help="threads")
    add(
        "--connections",
        type=values.count,
        default=_connections_default(),
        metavar="N",
        help="at once",
    )


def _connections_default() -> int:
    """As many as leave each one a second descriptor, for its body, of those that this process may open."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    most = CONNECTIONS_MAX_DEFAULT
    return most if allowed == resource.RLIM_INFINITY else max(16, min(most, allowed // 2 - 32))


def _workers_default() -> int:
    return max(4, min(32, 4 * (os.cpu_count() or 1)))
