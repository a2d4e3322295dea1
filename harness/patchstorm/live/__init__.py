"""Real replicas on a real file system, for every world that has some: processes, sockets, storages, watchers.

May import ``run`` and what lies below it, ``target`` and ``storage``; no world, and no checker.
Internal: may change at any release.
"""
