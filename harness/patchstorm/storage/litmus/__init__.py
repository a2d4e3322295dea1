"""Litmus programs: small programs for two hosts whose possible outcomes pin the model down.

``catalogue.PROGRAMS`` are the programs as data, with the results the rules allow; ``runner`` runs
one on the model in every way; ``observed.OBSERVED`` are results of real mounts; ``shell`` executes
the same text on anything with the methods of ``storage.Client``.
"""
