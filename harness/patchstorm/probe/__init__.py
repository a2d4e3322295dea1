"""What a server announces and what it does: one request at a time, before any storm.

Stands on ``live`` and ``target``; judges nothing but capabilities, so it needs no history.
"""
