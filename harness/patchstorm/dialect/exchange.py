"""What goes over the wire, whatever it means: a request's head and a whole answer."""

from __future__ import annotations

import msgspec


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A request line and its headers; ``length`` is that of the body, 0 where there is none."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    length: int = 0
    has_body: bool = False

    @property
    def asks_first(self) -> bool:
        """Whether the client waits for 100 (Continue) before it sends the body."""
        return any(name.lower() == "expect" for name, _ in self.headers)

    def framed(self, *, chunked: bool = False) -> tuple[tuple[str, str], ...]:
        """The headers with the one that tells where the body ends (RFC 9112, section 6)."""
        if not self.has_body:
            return self.headers
        if chunked:
            return (*self.headers, ("Transfer-Encoding", "chunked"))
        return (*self.headers, ("Content-Length", str(self.length)))

    def encoded(self, host: str = "127.0.0.1", *, chunked: bool = False) -> bytes:
        """The head as it goes over the wire, up to and with the empty line."""
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        if all(name.lower() != "host" for name, _ in self.headers):
            lines.append(f"Host: {host}")
        lines += [f"{name}: {value}" for name, value in self.framed(chunked=chunked)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer; header names in lower case."""

    status: int
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""
