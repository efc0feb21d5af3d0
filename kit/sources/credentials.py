"""The bearer token of the X API: from the environment, or typed into a password field. It is shown nowhere.

>>> ask_token()                                              # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from pydantic import SecretStr

from kit.config import settings
from kit.errors import ConfigError

if TYPE_CHECKING:
    from ipywidgets import HBox

__all__ = ["ask_token", "forget_token", "live_token"]

_typed: list[SecretStr] = []  # at most one; kept in this process only


def live_token() -> SecretStr:
    """The token for the live API.

    Raises
    ------
    ConfigError
        None is set and none was typed.
    """
    token = _typed[0] if _typed else settings().x_bearer_token
    if token is None or not token.get_secret_value().strip():
        raise ConfigError(
            "a bearer token for the live X API",
            got="none",
            todo="set KIT_X_BEARER_TOKEN, or run kit.sources.ask_token() in a notebook; or unset KIT_FEEDS to replay",
        )
    return token


def ask_token() -> "HBox":
    """A password field with a button. What is typed stays in this kernel's memory: the field forgets it at once.

    Returns
    -------
    HBox
        Leave it as the last line of a cell to show it.
    """
    from ipywidgets import Button, HBox, Label, Password

    field = Password(placeholder="X API v2 bearer token")
    button, said = Button(description="Use it"), Label("")

    def use(_: object) -> None:
        given = field.value.strip()
        field.value = ""  # else a saved notebook would carry it in its widget state
        if given:
            _typed[:] = [SecretStr(given)]
        said.value = "ready" if given else "nothing was typed"

    button.on_click(use)
    return HBox([field, button, said])


def forget_token() -> None:
    """Forget a token that was typed."""
    _typed.clear()
