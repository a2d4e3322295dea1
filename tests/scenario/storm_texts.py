"""Storms as users write them, for the tests of more than one room."""

TINY = """
title = "one small upload"
why = "a test"
[fleet]
replicas = 1
[[upload]]
size = "64"
chunk = "32"
[[client]]
kind = "sequential"
"""
NEVER = f"""{TINY}
[[fault]]
kind = "crash"
when = {{ after_requests = 100000 }}
"""
