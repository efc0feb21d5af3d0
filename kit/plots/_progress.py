"""A progress bar for bounded work, in a notebook and in a terminal."""

from collections.abc import Iterable
from typing import TypeVar

__all__ = ["progress"]

T = TypeVar("T")


def progress(items: Iterable[T], title: str = "", *, total: int | None = None) -> Iterable[T]:
    """Go through `items`, and show how far it is; the bar stays when it is done, and says where it was interrupted.

    Parameters
    ----------
    total
        How many there are, if `items` has no length.

    Examples
    --------
    >>> for day in progress(range(250), "a year of days"):                          # doctest: +SKIP
    ...     lab.feeds.step()
    """
    from tqdm.auto import tqdm

    bar: Iterable[T] = tqdm(items, desc=title or None, total=total)
    return bar
