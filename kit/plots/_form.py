"""A form: fields, a button, and a function that gets what was filled in."""

import html
import inspect
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import ipywidgets
from ipywidgets import HTML, Button, Password, VBox
from ipywidgets.widgets.interaction import interactive
from traitlets import Unicode

from kit.errors import KitError, PlotError

__all__ = ["Form"]


class Form:
    """Fields with an *Apply* button, bound to a function.

    What the function returns, or raises, is shown below the button. A secret is handed to the function and forgotten at
    once: it is in no widget's state, so no notebook is saved with it.

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
    >>> form.said
    'JPM each 1.0 s'
    """

    SECRET: Any = object()

    def __init__(self, function: Callable[..., Any], *, label: str = "Apply", **fields: Any) -> None:
        _check_takes(function, fields)
        self._function = function
        self.fields = {name: self._field(name, given) for name, given in fields.items()}
        self.said = ""
        self._button, self._answer = Button(description=label, button_style="primary"), HTML("")
        self._button.on_click(lambda _: self.apply())
        self.widget = VBox([*self.fields.values(), self._button, self._answer])

    def _field(self, name: str, given: Any) -> ipywidgets.Widget:
        if given is Form.SECRET:
            return _Secret(placeholder="not stored", description=name, style={"description_width": "initial"})
        if isinstance(given, ipywidgets.Widget):
            return given
        try:
            field = interactive.widget_from_abbrev(given)
        except (TypeError, ValueError):  # a range whose end comes first
            field = None
        if field is None:
            raise PlotError(
                f"a text, a number, choices, a range or a widget for field {name!r}",
                got=f"{str(given)[:60]}, a {type(given).__name__}",
                todo="see help(Form)",
            )
        field.description, field.style.description_width = name, "initial"
        return field

    def apply(self) -> None:
        """What the button does: call the function with what is filled in."""
        values = {name: field.value for name, field in self.fields.items()}
        secrets = [field.value for field in self.fields.values() if isinstance(field, Password) and field.value]
        for field in self.fields.values():
            if isinstance(field, Password):
                field.value = ""
        self._button.disabled = True
        try:
            answer, wrong = self._function(**values), False
        except Exception as error:  # whatever the reader's function raises is the reader's to see
            answer, wrong = f"{type(error).__name__}: {error}" if not isinstance(error, KitError) else error, True
        finally:
            self._button.disabled = False
        self.said = _without(secrets, "" if answer is None else str(answer))
        colour = "var(--jp-error-color1, #b00)" if wrong else "inherit"
        shown = html.escape(self.said)
        self._answer.value = f"<pre style='color:{colour};white-space:pre-wrap'>{shown}</pre>" if shown else ""

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return f"Form({', '.join(self.fields)})"


class _Secret(Password):  # type: ignore[misc]  # ipywidgets has no types
    """A password field whose value goes one way: from the browser to here. No state and no echo holds it."""

    value = Unicode("").tag(sync=True, echo_update=False)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state(key=key, drop_defaults=drop_defaults)
        return {name: "" if name == "value" else value for name, value in state.items()}


def _check_takes(function: Callable[..., Any], fields: dict[str, Any]) -> None:
    """See before anyone fills it in whether the function takes these fields."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # some built-in ones do not tell
        return
    try:
        signature.bind(**fields)
    except TypeError as error:
        raise PlotError(
            f"a function that takes the fields {', '.join(fields) or '(none)'}",
            got=f"{getattr(function, '__name__', 'one')}{signature}: {error}",
            todo="give the form one field for each of the function's parameters",
        ) from None


def _without(secrets: list[str], text: str) -> str:
    for secret in secrets:
        for written in (secret, repr(secret)[1:-1], quote(secret), quote_plus(secret)):
            text = text.replace(written, "…")
    return text
