"""The world ``sim``: the unchanged code of a store in virtual time, over a model of the storage.

Every step is a choice that a strategy makes and a schedule records. May import ``run``, ``storage`` and
below, and ``check`` and ``catalog`` for stories and planted bugs; no other world, and nothing that is real.
Internal: may change at any release.
"""
