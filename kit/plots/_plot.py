"""What all plots have in common: a window, the three verbs, a publisher, a follower, a still picture."""

import html
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

import ipywidgets
import pandas as pd

from kit.errors import PlotError
from kit.plots import _publisher
from kit.plots._follower import Follower
from kit.plots._rows import Data
from kit.plots._stills import register
from kit.plots._window import Column, Window

__all__ = ["Plot"]

_MOST = 100_000


class Plot:
    """The base of all plots; it is displayed by being the last line of a cell.

    `append` and `replace` may be called from any thread, as often as you like: they change the window, and the
    publisher draws it.
    """

    widget: ipywidgets.DOMWidget

    def __init__(self, columns: list[Column], *, last: int, seconds: float | None = None) -> None:
        if not 1 <= last <= _MOST or (seconds is not None and not seconds > 0):
            raise PlotError(
                f"a window of 1 to {_MOST:,} rows, or of more than 0 seconds",
                got=f"last={last}, seconds={seconds}",
                todo="write for instance last=500, or seconds=60",
            )
        self._window = Window(columns, last=last, seconds=seconds)
        self._closed = False
        self._follower: Follower | None = None
        self._state = ""  # what the note says of the follower
        self._failed = False
        self._broken = ""  # why it could not be drawn

    # ---- the verbs --------------------------------------------------------------------------------------------

    def append(self, data: Data) -> Self:
        """Add rows: a record (dict), a list of records, a dict of columns, or a DataFrame.

        Raises
        ------
        PlotError
            A column is missing, a value is of another kind, or the plot is closed. Nothing was added.
        """
        with _publisher.lock:
            self._check_open()
            self._window.append(data)
        _publisher.changed(self)
        return self

    def replace(self, data: Data) -> Self:
        """Show these rows instead of those that are shown; errors as `append`, and then nothing was replaced."""
        with _publisher.lock:
            self._check_open()
            new = self._empty(data)
            new.append(data)
            self._window = new
        _publisher.changed(self)
        return self

    def follow(
        self, source: Iterable[Any], *, each: Callable[[Any], Data | None] | None = None, replace: bool = False
    ) -> Self:
        """Append what a stream gives, in the background, until it ends or `stop` is called.

        Parameters
        ----------
        source
            A `kit.streams.Stream`, or any iterable of data that `append` takes. If it has a `stop`, that is called.
        each
            Makes of one batch what is to be appended; None: nothing of it.
        replace
            Show the newest batch only.

        Raises
        ------
        PlotError
            The source gives no batches, or the plot is closed. What goes wrong later is said in the note.
        """
        if not isinstance(source, Iterable) or isinstance(source, str | bytes | Mapping | pd.DataFrame):
            raise PlotError(
                "a stream: something that gives one batch after the other",
                got=f"a {type(source).__name__}",
                todo="write plot.append(data) for data that is there already",
            )
        self.stop()
        with _publisher.lock:
            self._check_open()
            self._say("")
            self._follower = Follower(self, source, each, replace=replace)
        return self

    def stop(self, *, timeout: float = 10.0) -> Self:
        """End the follower; what is shown stays. Idempotent.

        Raises
        ------
        PlotError
            The stream did not let go within `timeout` seconds.
        """
        follower, self._follower = self._follower, None
        if follower is not None and not follower.stop(timeout):
            raise PlotError(
                f"the stream to end in {timeout:g} s",
                got="it still waits for data",
                todo="give it a stop() that ends it",
            )
        return self

    def wait(self, rows: int, *, timeout: float = 30.0) -> Self:
        """Wait until `rows` rows have come.

        Raises
        ------
        PlotError
            They have not in `timeout` seconds, or the follower ended before.
        """
        come = threading.Event()
        until = time.monotonic() + timeout
        while True:
            over = self._state or time.monotonic() > until  # asked first: what came before it is counted
            if self.total >= rows:
                return self
            if over:
                break
            come.wait(0.02)
        raise PlotError(
            f"{rows:,} rows in {timeout:g} s",
            got=f"{self.total:,} {self._state}".strip(),
            todo="see whether the source runs",
        )

    def close(self) -> None:
        """Stop, and take the plot out of the page. Idempotent."""
        if self._closed:
            return
        try:
            self.stop()
        finally:
            with _publisher.lock:
                self._closed = True
                _publisher.forget(self)
                self.widget.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- what it has ------------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """Rows that have come since it was made, or since the last `replace`."""
        return self._window.total

    def __len__(self) -> int:
        """Rows that are shown."""
        with _publisher.lock:
            return len(self._window)

    def _rows(self) -> dict[str, list[Any]]:
        """The rows that are shown, a list a column."""
        with _publisher.lock:
            return self._window.snapshot()

    def __bool__(self) -> bool:
        return True

    @property
    def note(self) -> str:
        """What the line below the picture says."""
        shown, total = len(self), self.total
        window = f"last {shown:,} of {total:,}" if shown < total else f"{total:,} rows" if total else "no data yet"
        return "; ".join(filter(None, [window, *self._remarks(), self._state, self._broken]))

    def _remarks(self) -> Iterator[str]:
        yield from ()

    def _note_html(self) -> str:
        colour = "var(--jp-error-color1, #b00)" if self._failed or self._broken else "var(--jp-ui-font-color2, #777)"
        return f"<span class='kit-note' style='color:{colour};font-size:12px'>{html.escape(self.note)}</span>"

    # ---- drawing ----------------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Draw what is in the window. The publisher calls this."""
        with _publisher.lock:
            if self._closed:
                return
            self._broken = ""
            try:
                self._draw()
            except Exception as error:  # there may be nobody to raise it to, and other plots wait for the publisher
                self._broken = f"cannot be drawn: {type(error).__name__}: {error}"
                self._draw_note()

    def _draw(self) -> None:
        raise NotImplementedError

    def _draw_note(self) -> None:
        """Draw only the note."""
        raise NotImplementedError

    def still(self) -> dict[str, Any]:
        """The picture as it is now, for where there is no kernel: a MIME bundle."""
        raise NotImplementedError

    def _seen(self) -> bool:
        """Whether a front end has shown it: then no still picture is needed."""
        return False

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        if self._closed:
            return {"text/plain": repr(self)}
        with _publisher.lock:
            self.publish()
            shown = self.widget._repr_mimebundle_() or {}
            still = {} if self._seen() or self._broken else self.still()
        register(self.widget.model_id, self)
        return {**still, **shown, "text/plain": repr(self)}

    def __repr__(self) -> str:
        names = ", ".join(column.name for column in self._window.columns)
        return f"{type(self).__name__}({names}: {'closed' if self._closed else self.note})"

    # ---- inside -----------------------------------------------------------------------------------------------

    def _empty(self, _data: Data) -> Window:
        """A window like the one there is, for this data."""
        columns = [Column(column.name, column.kind) for column in self._window.columns]
        return Window(columns, last=self._window.last, seconds=self._window.seconds)

    def _check_open(self) -> None:
        if self._closed:
            raise PlotError("an open plot", got="one that was closed", todo="make a new one")

    def _say(self, state: str, *, failed: bool = False) -> None:
        self._state, self._failed = state, failed
        _publisher.changed(self)
