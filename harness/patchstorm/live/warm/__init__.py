"""Python servers that begin as a fork of a process which has imported already what their packages import.

``becoming``, ``survey`` and ``zygote`` are run by path in the servers' own interpreter and import nothing of
the harness, nor anything else that a server could find imported; the others are the harness's side.
Internal: may change at any release.
"""
