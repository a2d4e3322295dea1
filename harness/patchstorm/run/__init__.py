"""One storm's run, whatever the world: its phases, its clients' knowledge, its triggers, its last look.

A world brings what differs: time (virtual or not), how a request travels, a view of the
storage. What is acknowledged, owed, ended, and in which order a storm is opened, struck, healed,
closed, swept and looked at, is decided here and nowhere else.

May import ``history``, ``choice``, ``dialect``, ``scenario`` and ``target``; no clock, socket or file.
Internal: may change at any release.
"""
