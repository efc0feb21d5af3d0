"""The form: what is filled in reaches the function, and a secret nothing else."""

import threading
from typing import Any

import ipywidgets
import pytest

from kit.errors import ConfigError, PlotError
from kit.plots import Form
from tests.plots.tools import states

SECRET = "h'u<n\\ter 2"


def form_with_secret(function: Any) -> Form:
    form = Form(function, user="ada", token=Form.SECRET)
    form.fields["token"].value = SECRET
    return form


def test_apply_calls_the_function_with_what_is_filled_in() -> None:
    got: dict[str, Any] = {}
    form = Form(lambda **given: got.update(given), text="a", on=True, n=3, x=1.5, choice=["JPM", "GE"], span=(1, 9))
    form.fields["choice"].value = "GE"
    form._button.click()
    assert got == {"text": "a", "on": True, "n": 3, "x": 1.5, "choice": "GE", "span": 5}
    assert form.answer == ""


def test_a_secret_is_in_no_state_before_and_after_it_is_used() -> None:
    got: list[str] = []
    form = form_with_secret(lambda user, token: got.append(token))
    assert SECRET not in states(form.widget)
    form.apply()
    assert got == [SECRET]
    assert form.fields["token"].value == ""
    assert SECRET not in states(form.widget)
    assert SECRET not in repr(form)
    assert SECRET not in repr(form._repr_mimebundle_())
    form.apply()
    assert got == [SECRET, ""]  # used once, and then forgotten


def test_a_secret_that_is_typed_comes_as_a_message_and_is_in_no_state() -> None:
    got: list[str] = []
    form = Form(lambda token: got.append(token) or None, token=Form.SECRET)
    field = form.fields["token"]
    field._handle_custom_msg({"typed": SECRET}, [])
    assert SECRET not in states(form.widget)
    form.apply()
    assert (got, field.value) == ([SECRET], "")


@pytest.mark.parametrize("tell", [str, repr, lambda token: {"token": token}], ids=["str", "repr", "dict"])
def test_a_secret_is_not_in_what_is_shown(tell: Any) -> None:
    form = form_with_secret(lambda user, token: f"{user}: {tell(token)}")
    form.apply()
    assert "ada" in form.answer
    assert "ter 2" not in form.answer + states(form.widget)


def test_a_secret_is_not_in_an_error_that_is_shown() -> None:
    def refuse(user: str, token: str) -> None:
        raise ValueError(f"{token!r} is refused")

    form = form_with_secret(refuse)
    form.apply()
    assert form.answer == "ValueError: '…' is refused" or "ter 2" not in form.answer
    assert "--jp-error-color1" in form._answer.value


def test_an_error_of_the_kit_is_shown_in_its_three_lines() -> None:
    def fail() -> None:
        raise ConfigError("a <token>", got="none", todo="type one")

    form = Form(fail)
    form.apply()
    assert form.answer.splitlines() == ["expected a <token>", "got: none", "to do: type one"]
    assert "a &lt;token&gt;" in form._answer.value


def test_the_button_waits_while_the_function_works() -> None:
    began, go_on = threading.Event(), threading.Event()

    def work() -> str:
        began.set()
        assert go_on.wait(10)
        return "done"

    form = Form(work)
    thread = threading.Thread(target=form.apply)
    thread.start()
    assert began.wait(10)
    assert form._button.disabled
    go_on.set()
    thread.join(10)
    assert (form.answer, form._button.disabled) == ("done", False)


@pytest.mark.parametrize("given", [object(), None, (5, 1)])
def test_a_field_of_an_unknown_type_is_an_error(given: Any) -> None:
    with pytest.raises(PlotError, match="for field 'odd'"):
        Form(lambda odd: None, odd=given)


def test_a_widget_of_ones_own_is_a_field() -> None:
    form = Form(lambda n: n + 1, n=ipywidgets.IntText(4))
    form.apply()
    assert form.answer == "5"


def test_a_function_that_does_not_take_the_fields_is_an_error_before_anyone_fills_them_in() -> None:
    with pytest.raises(PlotError, match=r"a function that takes the fields symbl"):
        Form(lambda symbol: None, symbl="JPM")
