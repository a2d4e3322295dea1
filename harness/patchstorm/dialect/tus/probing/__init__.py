"""What a server of tus 1.0.0 announces and what it does, found out one request at a time.

Written against :class:`patchstorm.dialect.ground.Ground`: who starts servers and holds sockets is not
known here.
"""
