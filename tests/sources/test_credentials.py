"""The bearer token: where it comes from, and that it is shown nowhere."""

import json
from collections.abc import Iterator

import ipywidgets
import pytest

from kit.errors import ConfigError
from kit.sources import StreamingClient, ask_token, credentials
from kit.sources.credentials import live_token

SECRET = "AAAA-the-token-of-a-student"


@pytest.fixture(autouse=True)
def _as_in_a_new_kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("KIT_X_BEARER_TOKEN", raising=False)
    credentials._typed.clear()
    yield
    credentials._typed.clear()
    ipywidgets.Widget.close_all()


def typed(text: str) -> ipywidgets.HBox:
    """The form after a student has typed a text and clicked."""
    form = ask_token()
    field, button, _ = form.children
    field.value = text
    button.click()
    return form


def test_a_token_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_X_BEARER_TOKEN", SECRET)
    assert live_token().get_secret_value() == SECRET


def test_a_typed_token_wins_over_the_environments_in_this_kernel_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_X_BEARER_TOKEN", "of the environment")
    typed(SECRET)
    assert live_token().get_secret_value() == SECRET
    credentials._typed.clear()
    assert live_token().get_secret_value() == "of the environment"


def test_the_field_forgets_a_typed_token_at_once() -> None:
    form = typed(f"  {SECRET}\n")
    field, _, status = form.children
    assert (field.value, status.value) == ("", "ready")
    assert live_token().get_secret_value() == SECRET
    states = [ipywidgets.Widget.get_manager_state(), *(widget.get_state() for widget in (form, *form.children))]
    assert SECRET not in json.dumps(states, default=str)
    assert SECRET not in "".join(map(repr, [form, *form.children]))


def test_the_field_hides_what_is_typed() -> None:
    assert isinstance(ask_token().children[0], ipywidgets.Password)


@pytest.mark.parametrize("nothing", ["", "   "])
def test_nothing_typed_leaves_the_token_as_it_was(nothing: str) -> None:
    typed(SECRET)
    form = typed(nothing)
    assert form.children[2].value == "nothing was typed"
    assert live_token().get_secret_value() == SECRET


def test_a_second_token_takes_the_place_of_the_first() -> None:
    typed("the first")
    typed(SECRET)
    assert live_token().get_secret_value() == SECRET


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_a_missing_token_says_both_ways_to_give_one(monkeypatch: pytest.MonkeyPatch, nothing: str | None) -> None:
    if nothing is not None:
        monkeypatch.setenv("KIT_X_BEARER_TOKEN", nothing)
    with pytest.raises(ConfigError, match="KIT_X_BEARER_TOKEN") as raised:
        live_token()
    assert "ask_token()" in raised.value.todo


def test_live_feeds_use_the_token_that_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_FEEDS", "live")
    with pytest.raises(ConfigError, match="ask_token"):
        StreamingClient()
    typed(SECRET)
    client = StreamingClient()
    assert client.url == "https://api.twitter.com"
    assert SECRET not in repr(client) + repr(vars(client)) + repr(live_token())


def test_a_token_of_the_environment_with_a_line_end_is_still_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_X_BEARER_TOKEN", f"{SECRET}\n")
    assert StreamingClient(url="http://127.0.0.1:1", token=live_token())._adapter._token.get_secret_value() == SECRET


@pytest.mark.parametrize("wrong", ["", " ", f"{SECRET}\nand more", f"{SECRET} \u20ac", f"{SECRET}\x00"])
def test_what_cannot_be_a_token_is_refused_without_being_shown(wrong: str) -> None:
    with pytest.raises(ConfigError, match="token") as raised:
        StreamingClient("http://127.0.0.1:1", wrong)
    assert SECRET not in str(raised.value)


def test_white_space_around_a_token_does_not_count() -> None:
    client = StreamingClient("http://127.0.0.1:1", f"  {SECRET}\n")
    assert client._adapter._token.get_secret_value() == SECRET
