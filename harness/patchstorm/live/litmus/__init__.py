"""Litmus programs on real mounts: the same text that the storage model is explored with.

``agent`` is one host's process, ``bench`` runs a program with one such process for each host, ``stand``
says what a host is on a local directory; the world ``nfs`` has a stand of its own.
"""
