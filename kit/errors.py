"""What can go wrong, in the words of the field.

::

    KitError
     ├─ ConfigError          a KIT_* setting, a credential or an argument cannot be used
     ├─ ServerError          a server of this machine did not start, stay up or stop
     │   ├─ PortTaken        the port it must have is in use
     │   ├─ NotEnoughMemory  this machine has no room for it
     │   └─ JarError         a jar is missing, or is not the one that was locked
     ├─ TopicError           Kafka refused a topic, or has not got it
     ├─ BrokerUnavailable    no broker answered in time
     ├─ ViewError            Cassandra refused a statement or a row, or has not got the table
     ├─ CassandraUnavailable too few Cassandra nodes answered
     ├─ SourceError          a feed did not give what was asked
     │   ├─ UnknownSymbol    the market does not know the symbol
     │   ├─ RateLimited      the feed answered 429: too many requests
     │   ├─ Unauthorized     the feed did not accept the credentials
     │   └─ BadPayload       the feed answered, but not with a record; carries the raw bytes
     ├─ CollectorError       a collector gave up, or was used after it stopped
     ├─ BundleError          a bundle cannot be made, or is not one for this machine
     ├─ ModelError           a model cannot be saved, loaded or used
     │   ├─ SchemaMismatch   rows have other columns than the model was fitted on, or gaps
     │   └─ ModelOutOfDate   rows are later than the model may be used for
     ├─ ExerciseError        an exercise is not done, or its notebook cannot be used
     └─ PlotError            a plot cannot show what it was given, or was used after it was closed

Every message has the same three parts, in this order: what was expected, what came instead, what to do.
"""

import copyreg
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["BadPayload", "BrokerUnavailable", "BundleError", "CassandraUnavailable", "CollectorError", "ConfigError"]
__all__ += ["ExerciseError", "JarError", "KitError", "ModelError", "ModelOutOfDate", "NotEnoughMemory", "PlotError"]
__all__ += ["PortTaken", "RateLimited", "SchemaMismatch", "ServerError", "SourceError", "TopicError", "Unauthorized"]
__all__ += ["UnknownSymbol", "ViewError"]

_LIBRARIES = (str(Path(__file__).parent), *{p for p in sys.path if p.endswith("site-packages")}, sys.base_prefix)
_LIBRARIES += ("cassandra/",)  # the driver is compiled: its frames have the paths of its build


class KitError(Exception):
    """The root of every error the kit raises on purpose.

    `expected` is what the kit needed, `got` what it found instead, `todo` what the reader can do now.

    >>> print(KitError("a free port", got="port 9092 is in use", todo="stop the other server"))
    expected a free port
    got: port 9092 is in use
    to do: stop the other server
    """

    def __init__(self, expected: str, *, got: str, todo: str) -> None:
        super().__init__(expected, got, todo)
        self.expected, self.got, self.todo = expected, got, todo

    def __str__(self) -> str:
        return f"expected {self.expected}\ngot: {self.got}\nto do: {self.todo}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as an object with a state: an exception's own way calls the class without its keywords."""
        return copyreg.__newobj__, (type(self), *self.args), vars(self)  # type: ignore[attr-defined]

    def _render_traceback_(self) -> list[str]:
        """Show a notebook the reader's own line and the message, without the kit's frames (an IPython hook)."""
        where = readers_line(self.__traceback__)
        return [f"{type(self).__name__}{where}", *str(self).splitlines()]


def readers_line(tb: TracebackType | None) -> str:
    """The last line of the reader's own code on the way to the error, as `` at `code` ``, or nothing."""
    own = readers_frames(traceback.extract_tb(tb))
    return f" at line {own[-1].lineno}: {own[-1].line}" if own and own[-1].line else ""


def readers_frames(frames: Iterable[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """Those of the frames that are neither the kit's nor a library's."""
    return [frame for frame in frames if not frame.filename.startswith(_LIBRARIES)]


class ConfigError(KitError):
    """A setting, a credential or an argument cannot be used."""


class ServerError(KitError):
    """A server of this machine did not start, stay up or stop."""


class PortTaken(ServerError):
    """The port a server must have is in use by a process that is not ours."""


class NotEnoughMemory(ServerError):
    """This machine (or its container) has no room for another server."""


class JarError(ServerError):
    """A jar cannot be had, or is not the one that was locked."""


class TopicError(KitError):
    """Kafka refused a topic, or has not got it."""


class BrokerUnavailable(KitError):
    """No broker answered in time."""


class ViewError(KitError):
    """Cassandra refused a statement or a row, or has not got the table."""


class CassandraUnavailable(KitError):
    """Too few Cassandra nodes answered."""


class SourceError(KitError):
    """A feed did not give what was asked."""


class UnknownSymbol(SourceError):
    """The market does not know the symbol."""


class RateLimited(SourceError):
    """The feed answered 429: too many requests. `retry_after`: seconds to wait; None if the feed gave none."""

    def __init__(self, expected: str, *, got: str, todo: str, retry_after: float | None = None) -> None:
        super().__init__(expected, got=got, todo=todo)
        self.retry_after = retry_after


class Unauthorized(SourceError):
    """The feed did not accept the credentials."""


class BadPayload(SourceError):
    """The feed answered, but not with a record. `raw` holds the bytes as they came."""

    def __init__(self, expected: str, *, got: str, todo: str, raw: bytes) -> None:
        super().__init__(expected, got=got, todo=todo)
        self.raw = raw


class CollectorError(KitError):
    """A collector gave up, or was used after it stopped."""


class BundleError(KitError):
    """A bundle cannot be made, or is not one for this machine."""


class ModelError(KitError):
    """A model cannot be saved, loaded or used."""


class SchemaMismatch(ModelError):
    """Rows have other columns or types than the model was fitted on, or gaps."""


class ModelOutOfDate(ModelError):
    """Rows are later than the model may be used for."""


class ExerciseError(KitError):
    """An exercise is not done, or its notebook cannot be used."""


class PlotError(KitError):
    """A plot cannot show what it was given, or was used after it was closed."""
