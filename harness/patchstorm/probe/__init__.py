"""``target check``: a target is started and asked, request by request, what it can do.

What is asked and what it means is the dialect's (``dialect.tus.probing``); the replicas, their storage and
the sockets are here. May import ``live``, ``target``, ``dialect``. Internal: may change at any release.
"""
