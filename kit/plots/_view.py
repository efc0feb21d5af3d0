"""A Bokeh document as a Jupyter widget whose views cannot drift apart.

`jupyter_bokeh.BokehModel` keeps two documents in step, patch by patch, in both directions. With live data that fails: a
view that opens late starts from the state of the first display, and what a browser sends back is applied once more. So
here the kernel alone decides: every publication replaces what is shown, a new view asks for one, and what the browser
says of data is not listened to.
"""

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakMethod

from bokeh.core.json_encoder import serialize_json
from bokeh.core.serialization import Serializer
from bokeh.document import Document
from bokeh.document.events import ModelChangedEvent
from bokeh.models import LayoutDOM, Model
from bokeh.protocol.messages.patch_doc import patch_doc
from jupyter_bokeh import BokehModel

from kit.plots import _publisher

__all__ = ["View"]

_OPENED_SECONDS = 2.0  # from the moment when a page asks for the state until its views are there, nearly always


class View(BokehModel):  # type: ignore[misc]  # it has no types
    """The widget. `on_view`, a method, is called when a view has opened; its object is not kept alive by that."""

    def __init__(self, model: LayoutDOM, on_view: Callable[[], None]) -> None:
        self._on_view = WeakMethod(on_view)
        self._again: threading.Timer | None = None
        self.seen = False  # whether a front end has ever opened it
        super().__init__(model)

    @property
    def document(self) -> Document:
        found: Document | None = self._model.document
        return found or Document()  # `_model_to_traits` has put it into one

    def update_from_model(self, model: Model) -> None:
        """Show a model, in all views."""
        self._model = model
        self.render_bundle = self._model_to_traits(model)

    def redraw(self) -> None:
        """Draw anew in all views: for what a patch cannot say, such as a line more."""
        with _publisher.lock:
            self.update_from_model(self._model)

    def patch(self, changes: Iterable[tuple[Model, str, Any]]) -> None:
        """Set properties of the document's models, here and in every view, by one message in three parts."""
        events = []
        for model, name, value in changes:
            setattr(model, name, value)
            events.append(ModelChangedEvent(self.document, model, name, value))
        serializer = Serializer(references=self.document.models.synced_references, deferred=False)
        content = serialize_json({"events": serializer.encode(events)})
        for fragment in (json.dumps(patch_doc.create_header()), "{}", content):
            self.send({"msg": "patch", "payload": fragment})

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The widget's state, with the document as it is now: a page that is reloaded begins with it."""
        if key is None or key == "render_bundle" or "render_bundle" in key:
            with _publisher.lock:
                self._trait_values["render_bundle"] = self._model_to_traits(self._model)
        if key is None and self.seen:
            # A page opens. What is sent until its views are there meets nobody; so they are told once more.
            self._tell_again_later()
        state: dict[str, Any] = super().get_state(key=key, drop_defaults=drop_defaults)
        return state

    def _tell_again_later(self) -> None:
        if self._again is not None:
            self._again.cancel()
        self._again = threading.Timer(_OPENED_SECONDS, self._opened)
        self._again.daemon = True
        self._again.start()

    def close(self) -> None:
        if self._again is not None:
            self._again.cancel()
        super(BokehModel, self).close()

    def _sync_model(self, _model: BokehModel, content: dict[str, Any], _buffers: list[Any]) -> None:
        """Of all that a view reports, only that it is ready matters here."""
        if content.get("event") == "jsevent" and "document_ready" in str(content.get("msg_data", "")):
            self.seen = True
            self._opened()

    def _opened(self) -> None:
        on_view = self._on_view()
        if on_view is not None:
            on_view()
