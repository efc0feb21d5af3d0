"""The bearer token of the X API: from the environment, or typed into a password field. It is shown nowhere."""

from typing import TYPE_CHECKING

from pydantic import SecretStr

from kit.config import settings
from kit.errors import ConfigError

if TYPE_CHECKING:
    from ipywidgets import HBox

__all__ = ["ask_token", "checked_token", "live_token"]

_typed: list[SecretStr] = []  # at most one; kept in this process only


def live_token() -> SecretStr:
    """The token for the live API, as typed, else as set. ConfigError if there is none."""
    token = _typed[0] if _typed else settings().x_bearer_token
    if token is None or not token.get_secret_value().strip():
        todo = "set KIT_X_BEARER_TOKEN, or run kit.sources.ask_token() in a notebook; or unset KIT_FEEDS to replay"
        raise ConfigError("a bearer token for the live X API", got="none", todo=todo)
    return token


def checked_token(token: SecretStr | str | None) -> SecretStr:
    """The token without white space around it. ConfigError if an HTTP header cannot carry it."""
    text = (token.get_secret_value() if isinstance(token, SecretStr) else token or "").strip()
    if not (text and text.isascii() and text.isprintable()):  # http.client would show it in its error
        got = "one that no header can carry" if text else "none"
        raise ConfigError("a bearer token for the X API", got=got, todo="copy the token from the X developer portal")
    return SecretStr(text)


def ask_token() -> "HBox":
    """A password field with a button: leave it as the last line of a cell. The token stays in this kernel's memory."""
    from ipywidgets import Button, HBox, Label, Password

    field = Password(placeholder="X API v2 bearer token")
    button, message = Button(description="Use it"), Label("")

    def use(_: object) -> None:
        token = field.value.strip()
        field.value = ""  # else a saved notebook would carry it in its widget state
        if token:
            _typed[:] = [SecretStr(token)]
        message.value = "ready" if token else "nothing was typed"

    button.on_click(use)
    return HBox([field, button, message])
