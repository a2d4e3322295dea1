"""Real server processes on this machine, over tmpfs or any directory. All it needs lies in ``live``.

Internal: may change at any release.
"""
