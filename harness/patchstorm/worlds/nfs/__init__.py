"""The world ``nfs``: real Linux NFS, server and clients, inside a kernel that is an ordinary process.

User-Mode Linux (``um(7)``, Debian's ``user-mode-linux``) boots with the host's files as its root, read
only. Inside it a storm runs as it does in the world ``processes``, with the same code; what differs is
the storage (an export of the kernel's own NFS server, in the first network namespace) and where the
replicas live (network and mount namespaces, one for each client host, each with its own mount).

Outside: ``machine`` (is there all it takes), ``guest`` (one running guest), ``run`` (a storm in one).
Inside: ``init`` (process 1), ``inside`` (does what it is told), ``site``, ``hosts``, ``storage``,
``abilities``; the server itself is in :mod:`patchstorm.live.nfs`. ``program`` runs any command there.
Between them: ``channel``, a serial line with one JSON message a line.

May import ``live``, ``run`` and below; no other world. Internal: may change at any release.
"""
