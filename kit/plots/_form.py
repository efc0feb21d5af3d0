"""A form: fields, a button, and a function that gets what was filled in."""

import html
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import anywidget
import ipywidgets
import traitlets
from ipywidgets import HTML, Button, HBox, VBox
from ipywidgets.widgets.interaction import interactive

from kit.errors import KitError, PlotError
from kit.plots._values import clean

__all__ = ["Form"]


class Form:
    """Fields with an *Apply* button, bound to a function.

    What the function returns, or raises, is shown below the button. A secret is handed to the function and forgotten at
    once: it is in no widget's state, in the kernel or in the page, so no notebook is saved with it.

    Parameters
    ----------
    function
        Called with the fields as keyword arguments.
    label
        What the button says.
    **fields
        What each field is made of: a text, a number, True or False, a list or dict of choices, a ``(min, max)`` or
        ``(min, max, step)`` of numbers, a widget of yours, or `Form.SECRET`.

    Examples
    --------
    >>> form = Form(lambda symbol, every: f"{symbol} each {every} s", symbol=["JPM", "GE"], every=1.0)
    >>> form.apply()
    >>> form.answer
    'JPM each 1.0 s'
    """

    SECRET: Any = object()

    def __init__(self, function: Callable[..., Any], *, label: str = "Apply", **fields: Any) -> None:
        try:
            inspect.signature(function).bind(**fields)
        except TypeError as error:
            expected = f"a function that takes the fields {', '.join(fields) or '(none)'}"
            raise PlotError(expected, got=str(error), todo="give the form a field for each parameter") from None
        except ValueError:
            pass  # some built-in ones do not tell what they take
        self._function = function
        self.fields = {name: _field(name, given) for name, given in fields.items()}
        self.answer = ""
        self._button, self._answer = Button(description=clean(label), button_style="primary"), HTML("")
        self._button.on_click(lambda _: self.apply())
        rows = [HBox([_label(name), field]) for name, field in self.fields.items()]
        self.widget = VBox([*rows, self._button, self._answer])
        self.widget.children += (_Saved(_id=self.widget.model_id, layout={"display": "none"}),)

    def apply(self) -> None:
        """What the button does: call the function with what is filled in."""
        hidden = {name: field.forget() for name, field in self.fields.items() if isinstance(field, _Secret)}
        values = {name: field.value for name, field in self.fields.items()} | hidden
        self._button.disabled = True
        try:
            answer, colour = self._function(**values), "inherit"
        except Exception as error:  # an error of the reader's function is shown to the reader
            answer = error if isinstance(error, KitError) else f"{type(error).__name__}: {error}"
            colour = "var(--jp-error-color1, #b00)"
        finally:
            self._button.disabled = False
        self.answer = "" if answer is None else clean(answer)
        for secret in filter(None, hidden.values()):
            for written in (secret, repr(secret)[1:-1], quote(secret), quote_plus(secret)):
                self.answer = self.answer.replace(written, "…")
        shown = html.escape(self.answer)
        self._answer.value = f"<pre style='color:{colour};white-space:pre-wrap'>{shown}</pre>" if shown else ""

    def _repr_mimebundle_(self, **options: Any) -> Any:
        line = f"<i>{html.escape(repr(self))}: a form. Run the notebook to use it.</i>"
        return {"text/html": line, **self.widget._repr_mimebundle_(**options), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return clean(f"Form({', '.join(self.fields)})")


class _Secret(anywidget.AnyWidget):
    """A password field whose value goes from the page to here, and into no model, which a notebook would keep."""

    _esm = Path(__file__).parent / "secret.js"

    def __init__(self) -> None:
        self.value = ""
        super().__init__()
        self.on_msg(self._typed)

    def _typed(self, _: Any, content: Mapping[str, Any], _buffers: list[bytes]) -> None:
        self.value = str(content.get("typed", ""))

    def forget(self) -> str:
        """Empty the field, here and in every view; what was in it."""
        self.send({})
        value, self.value = self.value, ""
        return value


class _Saved(anywidget.AnyWidget):
    """Has a line in the place of the form in a notebook that is saved: see plot.js. Shows nothing itself."""

    _esm = Path(__file__).parent / "plot.js"
    _id = traitlets.Unicode().tag(sync=True)


def _field(name: str, given: Any) -> Any:
    """The widget of a field. Texts are made so that they can be sent."""
    if given is Form.SECRET:
        return _Secret()
    if isinstance(given, str):
        given = clean(given)
    elif isinstance(given, Mapping):
        given = [(clean(label), choice) for label, choice in given.items()]
    elif isinstance(given, list):
        given = [choice if isinstance(choice, tuple) else (clean(choice), choice) for choice in given]
    try:
        field = given if isinstance(given, ipywidgets.Widget) else interactive.widget_from_abbrev(given)
    except (TypeError, ValueError):  # a range whose end comes first
        field = None
    if field is None:
        expected = f"a text, a number, choices, a range or a widget for field {name!r}"
        raise PlotError(expected, got=f"{str(given)[:60]}, a {type(given).__name__}", todo="see help(Form)")
    if hasattr(field, "indent"):  # a checkbox, which would stand apart from its name
        field.indent = False
    return field


def _label(name: str) -> HTML:
    """The name before a field, as text: ipywidgets' own labels take dollar signs for formulas."""
    shown = html.escape(clean(name))
    style = "display:inline-block;max-width:16em;overflow:hidden;text-overflow:ellipsis;white-space:nowrap"
    return HTML(f"<span style='{style}' title=\"{shown}\">{shown}</span>", layout={"min_width": "6em"})
