"""What clients and servers say to each other. One package for each protocol.

``base`` says what a protocol brings, ``registry`` which there are. May import ``history``, and ``case``
for the rules that answers are held to. Internal: may change at any release.
"""
