"""Topics: make them, delete them, move them, and look into them, as DataFrames.

>>> from kit import topics
>>> topics.create("quotes", partitions=3)                    # doctest: +SKIP
>>> topics.tail("quotes", 5)                                 # doctest: +SKIP
"""

from kit.topics.groups import lag
from kit.topics.look import describe, offsets, tail
from kit.topics.manage import create, delete, reassign

__all__ = ["create", "delete", "describe", "lag", "offsets", "reassign", "tail"]
