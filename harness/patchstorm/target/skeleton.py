"""The target's file that ``patchstorm target new`` writes: complete, commented, and to be filled in."""

from __future__ import annotations

from typing import Final

SKELETON: Final = """\
# A server under test. `patchstorm target check {file}` starts it, corrects `capabilities`, and
# proposes the rest; --apply writes it here. docs/your-server.md walks through it; docs/targets.md has
# every key.
name  = "{name}"
title = "one line about it"
# version       = "1.2.3"                # stands beside its verdicts, and so does
# configuration = "how it is set up"
capabilities = ["sequential", "creation"]
# pinned        = ["termination"]        # what `target check` leaves in capabilities, or out of them

[start]
# One replica. Several are started side by side and must share their uploads.
#   {{port}}    the port to listen on         {{root}}     the directory that all replicas share
#   {{replica}} 0, 1, 2, ...                  {{shared}}   another one, for databases and lock files
#   {{scratch}} a directory of the replica's own     {{here}}  the directory of this file
command = ["my-server", "--listen", "127.0.0.1:{{port}}", "--dir", "{{root}}"]
# environment = {{ MY_SERVER_LOG = "warning" }}
# inherit  = ["MY_SERVER_LICENSE"]      # variables of your own that it gets; few others are handed on
# stop     = "SIGTERM"                   # and after stop_ms it is killed
# stateless = true                       # what it keeps in memory changes no answer
# preload  = true                        # a Python server may be forked, which is faster (docs/fuse.md)
# lifetime = ["--expire-after", "{{lifetime_s}}"]      # further arguments where uploads are to expire

[ready]
by = "http"                              # OPTIONS on wire.path is answered; or "tcp"; or "line":
# by   = "line"
# line = 'listening on .*:(?P<port>\\d+)'

[wire]
path = "/files/"                         # where POST goes
# headers  = {{ Authorization = "Bearer test" }}       # what every request carries
# metadata = {{ filetype = "application/octet-stream" }}  # beside `filename`
# chunked  = false                       # it takes no body without a Content-Length

[files]
published = "{{id}}"                       # below {{root}}; {{id}} is the last part of the upload's URL,
                                         # {{target}} the `filename` that was asked for
# read      = "get"                      # the bytes are had with GET on the upload's URL instead
# internal  = ["*.info", "*.lock"]       # what users never look at
# leftovers = ["*.info"]                 # what may stay once an upload is finished

# [phases]                               # what on the disk shows what it is doing: crashes strike there
# receiving  = ["*.lock"]                # a path appears
# committing = ["-*.lock"]               # a path vanishes
"""


def skeleton(name: str, file: str) -> str:
    """The text of a new target's file called ``file``, for a server called ``name``."""
    return SKELETON.format(name=name, file=file)


PYTHON: Final = """\
# A server in Python, run inside the simulator as it is. `patchstorm target check {file}` tells whether
# that works; docs/your-python-server.md walks through it; docs/targets.md has every key.
name = "{name}"
capabilities = ["sequential", "creation"]  # what else it promises: docs/targets.md

[simulate]
# An aiohttp Application, an ASGI or WSGI application, a function that makes one, or a coroutine function
# that listens. Modules are found beside this file, then where this Python has them.
app = "{app}"
# own = ["my_helpers"]                     # further packages that each replica imports anew
environment = {{ UPLOADS = "{{root}}" }}     # {{root}} is the directory that all replicas share,
                                         # {{scratch}} one of each replica's own
# lifetime = {{ EXPIRE_AFTER = "{{lifetime_s}}" }}     # further variables where uploads are to expire

[wire]
path = "/files/"                         # where POST goes

[files]
published = "{{id}}"                       # below {{root}}; {{id}} is the last part of the upload's URL,
                                         # {{target}} the `filename` that was asked for
# internal  = ["*.info", "*.lock"]       # what users never look at
# leftovers = ["*.info"]                 # what may stay once an upload is finished

# [start]                                # with it real replicas are stormed as well: docs/your-server.md
# command = ["uvicorn", "{app}", "--port", "{{port}}"]
"""


def python_skeleton(name: str, file: str, app: str) -> str:
    """The same for a server in Python whose object ``app`` is to be simulated."""
    return PYTHON.format(name=name, file=file, app=app)
