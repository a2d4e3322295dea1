"""What every test may rely on."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a plain shell: the tests' own children have to hear Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
