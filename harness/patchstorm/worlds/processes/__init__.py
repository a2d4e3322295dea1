"""Real server processes on this machine, over tmpfs or any directory.

All it needs lies in ``live``, which it may import, with ``run`` and below; no other world.

Internal: may change at any release.
"""
