"""A topic as a stream of pandas DataFrames: micro-batches as they come, or windows of event time.

>>> from kit import streams
>>> for batch in streams.batches("quotes", start="earliest", count=100):            # doctest: +SKIP
...     print(batch[["symbol", "price"]].describe())
>>> for window in streams.windows("quotes", seconds=20, windows=3):                 # doctest: +SKIP
...     print(window.groupby("symbol").price.mean())
"""

from kit.streams._stream import Stream, batches
from kit.streams._windows import windows

__all__ = ["Stream", "batches", "windows"]
