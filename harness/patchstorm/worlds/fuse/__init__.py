"""Real server processes, each on a FUSE mount of its own that the storage model answers, call by call.

It may import ``live``, with ``run`` and below; no other world.

Internal: may change at any release.
"""
