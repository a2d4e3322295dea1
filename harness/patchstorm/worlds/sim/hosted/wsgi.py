"""WSGI applications, served as ``wsgiref`` does with a thread for each connection."""

from __future__ import annotations

import sys
import threading
from typing import Any
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler

from patchstorm.worlds.sim.hosted.connection import CLIENT_PORT, HOST, PORT, Connection
from patchstorm.worlds.sim.hosted.here import REQUEST
from patchstorm.worlds.sim.hosted.process import HostedProcess
from patchstorm.worlds.sim.hosted.sockets import SimSocket
from patchstorm.worlds.sim.hosted.threads import start


class _Threaded(ServerHandler):
    """As ``wsgiref.handlers`` has it where a server has threads."""

    wsgi_multithread = True


class _Handler(WSGIRequestHandler):
    """Requests on one connection; what it would log goes to the process's own output."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return None

    def get_stderr(self) -> Any:
        return sys.stderr


class _Server:
    """What a handler asks of its server."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.server_name, self.server_port = HOST, PORT
        self.base_environ = {
            "SERVER_NAME": HOST, "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PORT": str(PORT),
            "REMOTE_HOST": "", "CONTENT_LENGTH": "", "SCRIPT_NAME": "",
        }  # fmt: skip

    def get_app(self) -> Any:
        return self._app


def listen(process: HostedProcess, app: Any) -> None:
    """From now on every connection has a thread of ``process`` that serves ``app``."""
    server: Any = _Server(app)

    def accept(connection: Connection) -> None:
        sock = SimSocket(connection)
        connection.peer = sock

        def work() -> None:
            handler: Any = _Handler
            REQUEST.set(connection.name)
            try:
                handler(sock, (HOST, CLIENT_PORT), server)
            except ConnectionError:
                pass  # the client has left
            finally:
                sock.close()

        start(process, threading.Thread(target=work))

    process.listens(accept)
