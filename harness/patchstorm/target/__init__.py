"""The server under test as its file describes it: how it starts, what it claims, where its bytes lie.

May import ``scenario``, ``dialect``, ``history``, ``storage`` for the words in such a file, and ``catalog``
for the names of planted bugs, which are targets too.
Internal: may change at any release.
"""
