"""The world ``containers``: replicas on a network of their own, behind a balancer, over a shared volume.

May import ``live``, ``run`` and below; no other world.
Internal: may change at any release.
"""
