"""What all plots have in common: a window, the three verbs, a publisher, a follower, the page that shows it."""

import gzip
import html
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import anywidget
import pandas as pd
import traitlets

from kit.deadline import wait_until
from kit.errors import PlotError
from kit.plots._background import Follower, changed, current_cell, enter
from kit.plots._values import clean
from kit.plots._window import Column, Data, Window

__all__ = ["Plot"]

_MOST = 100_000


class Plot(anywidget.AnyWidget):
    """The base of all plots: a widget that is displayed by being the last line of a cell.

    `append` and `replace` may be called from any thread, as often as you like; the pages get what is new.
    """

    _esm = Path(__file__).with_name("plot.js")
    _css = Path(__file__).with_name("plot.css")
    _id = traitlets.Unicode().tag(sync=True)  # by which the page knows its outputs in the notebook
    _closed = True  # until it is made

    def __init__(
        self, columns: list[Column], *, last: int, seconds: float | None = None, by: str | None = None, title: str = ""
    ) -> None:
        if not 1 <= last <= _MOST or (seconds is not None and not seconds > 0):
            expected = f"a window of 1 to {_MOST:,} rows, or of more than 0 seconds"
            raise PlotError(expected, got=f"last={last}, seconds={seconds}", todo="write last=500, or seconds=60")
        self.title = title
        self._empty = self._window = Window.empty(columns, last=last, seconds=seconds, by=by)
        self._lock = threading.RLock()
        self._closed = False
        self._follower: Follower | None = None
        self._state, self._failed, self._broken = "", False, ""  # of the follower; why it could not be drawn
        self._asked = self._everything = False  # whether a page has ever asked for it; whether one waits for all
        self._seq, self._cells = 0, set[str]()  # the number of the last message; the cells that display it
        super().__init__(model_id=(name := uuid.uuid4().hex), _id=name)
        # While a cell runs, the thread that the page names answers, and not the one that sent last (ipykernel 7.4).
        if self.comm is not None:
            self.comm._reply_subshell_for = lambda _, named: named
        self.on_msg(self._on_page)
        enter(self)

    def append(self, data: Data) -> Self:
        """Add rows: a record (dict), a list of records, a dict of columns, or a DataFrame.

        It adds all or nothing: a `PlotError` says which column is missing, or which value is of another kind.
        """
        return self._take(data, anew=False)

    def replace(self, data: Data) -> Self:
        """Show these rows instead of those that are shown; errors as `append`, and then nothing was replaced."""
        return self._take(data, anew=True)

    def _take(self, data: Any, *, anew: bool) -> Self:
        with self._lock:
            self._check_open()
            self._window = (self._empty if anew else self._window).appended(data)
        self._changed()
        return self

    def follow(self, source: Iterable[Any], *, each: Callable[[Any], Any] | None = None, replace: bool = False) -> Self:
        """Append what a stream gives, in the background, until it ends or `stop` is called.

        When the cell that made the plot is run again, this ends, too. What goes wrong is written in the note.

        Parameters
        ----------
        source
            A `kit.streams.Stream`, or any iterable of data that `append` takes. If it has a `stop`, that is called.
        each
            Makes of one batch what is to be appended; None: nothing of it.
        replace
            Show the newest batch only.
        """
        if not isinstance(source, Iterable) or isinstance(source, str | bytes | Mapping | pd.DataFrame):
            todo, got = "write plot.append(data) for data that is there already", f"a {type(source).__name__}"
            raise PlotError("a stream: something that gives one batch after the other", got=got, todo=todo)
        self.stop()
        with self._lock:
            self._check_open()
            self._set_state("")
            self._follower = Follower(self, source, each, anew=replace)
        return self

    def stop(self, *, timeout: float = 10.0) -> Self:
        """End the follower; what is shown stays. Idempotent. A `PlotError` if that takes over `timeout` seconds."""
        follower, self._follower = self._follower, None
        if follower is not None and not follower.stop(timeout):
            raise PlotError(f"the stream to end in {timeout:g} s", got="it still waits", todo="give it a stop() method")
        return self

    def wait(self, rows: int, *, timeout: float = 30.0) -> Self:
        """Wait until `rows` rows have come. A `PlotError` if they do not in `timeout` seconds, or the follower ends."""
        wait_until(lambda: self._state or self.total >= rows, seconds=timeout)
        if self.total < rows:
            got = f"{self.total:,} {self._state}".strip()
            raise PlotError(f"{rows:,} rows in {timeout:g} s", got=got, todo="check that the source runs")
        return self

    def close(self) -> None:
        """Stop, and take the plot out of the page. Idempotent."""
        if not self._closed:
            try:
                self.stop()
            finally:
                with self._lock:
                    self._closed = True
                    super().close()
                    self.__dict__.pop("_repr_mimebundle_", None)  # ipywidgets hides ours: it says that it is closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def total(self) -> int:
        """Rows that have come since it was made, or since the last `replace`."""
        return self._window.total

    def __len__(self) -> int:
        """Rows that are shown."""
        return len(self._window)

    def __bool__(self) -> bool:
        return True

    @property
    def note(self) -> str:
        """What the line below the picture says."""
        shown, total = len(self), self.total
        window = f"last {shown:,} of {total:,}" if shown < total else f"{total:,} rows" if total else "no data yet"
        remarks = [] if self._broken else [f"{count:,} {what}" for what, count in self._remarks().items() if count > 0]
        return clean("; ".join(filter(None, [window, *remarks, self._state, self._broken])))

    def _remarks(self) -> dict[str, int]:
        """What the note counts beside the rows."""
        raise NotImplementedError

    def publish(self) -> int:
        """Send what is new to the pages that show the plot; how many bytes. The publisher calls this."""
        with self._lock:
            if self._closed or not self._asked:
                return 0
            everything, self._everything, self._broken = self._everything, False, ""
            try:
                content, buffers = self._news(everything)
            except Exception as error:  # no caller could catch it, and other plots wait for the publisher
                self._broken, self._everything = f"cannot be drawn: {type(error).__name__}: {error}", True
                content, buffers = {}, []
            self._seq += 1
            note = {"text": self.note, "failed": bool(self._failed or self._broken)}
            self.send({"kind": "draw", "seq": self._seq, "note": note, **content}, buffers)
            return sum(map(len, buffers)) + len(content.get("html", ""))

    def _news(self, everything: bool) -> tuple[dict[str, Any], list[bytes]]:
        """A message with what is new since the last one, or with everything and the layout; its binary columns."""
        raise NotImplementedError

    def _on_page(self, _: Any, content: Mapping[str, Any], _buffers: list[bytes]) -> None:
        """Answer what a page asks."""
        if content.get("kind") == "everything":
            with self._lock:
                self._asked = self._everything = True
            self._changed()
        elif content.get("kind") == "bokehjs":
            import bokeh

            file = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
            self.send({"kind": "bokehjs", "version": bokeh.__version__}, [gzip.compress(file.read_bytes(), 6)])
        elif content.get("kind") == "csv":
            self.send({"kind": "csv", "number": content.get("number")}, [self.csv().encode()])

    def csv(self) -> str:
        """The rows that are shown as CSV; times are in ISO 8601."""
        raise NotImplementedError

    def still(self) -> dict[str, Any]:
        """The picture as it is now, for where there is no kernel: a MIME bundle."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **_: Any) -> Any:
        if self._closed:
            return {"text/plain": repr(self)}
        if where := current_cell():
            self._cells.add(where[0])
        shown: Any = super()._repr_mimebundle_()
        line = f"<i>{html.escape(repr(self))}: a live plot. Run the notebook to see it.</i>"
        # Jupyter's server sets this for the kernels of its notebooks: a page draws the plot, and saves its picture.
        still = {"text/html": line} if "JPY_SESSION_NAME" in os.environ else self.still()
        return {**still, **(shown[0] if isinstance(shown, tuple) else shown or {}), "text/plain": repr(self)}

    def __repr__(self) -> str:
        names = ", ".join(column.name for column in self._window.columns)
        return clean(f"{type(self).__name__}({names}: {'closed' if self._closed else self.note})")

    def _check_open(self) -> None:
        if self._closed:
            raise PlotError("an open plot", got="one that was closed", todo="make a new one")

    def _changed(self) -> None:
        if self._asked and not self._closed:
            changed(self)

    def _set_state(self, state: str, *, failed: bool = False) -> None:
        self._state, self._failed = state, failed
        self._changed()

    def _retire(self, cell: str) -> None:
        """The cell that made it is run again: end the follower, and free what no other cell shows."""
        if self._follower is not None:
            self._follower.end()
        if self._cells <= {cell}:
            self._follower = None
            self.close()
            self._window = self._empty
