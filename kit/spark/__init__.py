"""A standard Spark session, wired to this lab: its Java, its Kafka source, little memory, quick to start.

>>> import kit
>>> spark = kit.spark()                                      # doctest: +SKIP

What comes back is PySpark's own `SparkSession`: everything else is in Spark's documentation. Its driver is a Java
program that belongs to this process: it ends when the kernel ends, and its queries with it.
"""

import sys
from types import ModuleType
from typing import Any

from kit.spark._progress import Progress
from kit.spark._session import kill, session, stop

__all__ = ["Progress", "kill", "progress", "session", "stop"]

progress = Progress  # so a notebook calls it


class _Callable(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return session(*arguments, **options)


# `kit.spark` is this module; by this, `kit.spark()` is its session.
sys.modules[__name__].__class__ = _Callable
