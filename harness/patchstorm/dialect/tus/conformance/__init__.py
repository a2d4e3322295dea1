"""tus 1.0.0 request by request: what a server is asked, and what its answers may be.

``CASES`` are the requests, ``RULES`` the demands with the section each comes from; ``SUITE`` is both, as the
dialect brings it. Pure data.

Header values of its steps may hold placeholders: ``{metadata}``, the pairs without which the target creates
nothing (``{metadata:own}``: with a name among the target's own files; ``{metadata-of:NAME}``: those that
another resource has); ``{url:NAME}``, the URL of a resource that an earlier step created
(``{relative:NAME}``: as a reference from the creation URL); ``{max}`` and ``{max+1}``, the announced
``Tus-Max-Size`` and one byte more. ``FORM@NAME`` in the place of a resource's name is a URL made by hand
(``dialect.tus.forms``).
"""

from patchstorm.dialect.tus.conformance.suite import CASES, RULES, SUITE

__all__ = ["CASES", "RULES", "SUITE"]
