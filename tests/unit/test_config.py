"""Settings: read anew each time, each wrong one named, the token never shown."""

from datetime import date
from pathlib import Path

import pytest

from kit.config import Settings, settings
from kit.errors import ConfigError


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"KIT_{name.upper()}", raising=False)


def test_without_any_variable_the_usual_values_hold() -> None:
    now = settings()
    assert (now.brokers, now.kafka_port, now.feeds, now.feeds_port) == (1, 9092, "local", 8900)
    assert (now.feeds_start, now.feeds_speed) == (date(2008, 9, 15), 1.0)
    assert now.home.name == now.cache.name == "pipeline-kit"
    assert now.home != now.cache
    assert now.kafka_bootstrap_servers is None
    assert now.x_bearer_token is None
    assert not now.model_fields_set


def test_a_variable_is_read_each_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KIT_BROKERS", "3")
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    monkeypatch.setenv("KIT_FEEDS_START", "2009-03-09")
    assert (settings().brokers, settings().home, settings().feeds_start) == (3, tmp_path, date(2009, 3, 9))
    monkeypatch.setenv("KIT_BROKERS", "2")
    assert settings().brokers == 2
    assert settings().model_fields_set == {"brokers", "home", "feeds_start"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KIT_BROKERS", "0"),
        ("KIT_BROKERS", "6"),
        ("KIT_BROKERS", ""),
        ("KIT_BROKERS", "two"),
        ("KIT_KAFKA_PORT", "-1"),
        ("KIT_FEEDS_PORT", "65536"),
        ("KIT_FEEDS", "LIVE"),
        ("KIT_FEEDS_START", "15.9.2008"),
        ("KIT_FEEDS_SPEED", "0"),
        ("KIT_FEEDS_SPEED", "nan"),
        ("KIT_FEEDS_SPEED", "1001"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        settings()
    assert name in caught.value.expected
    assert caught.value.got == repr(value)
    assert name in caught.value.todo


def test_the_token_is_in_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_X_BEARER_TOKEN", "s3cret")
    monkeypatch.setenv("KIT_BROKERS", "many")
    with pytest.raises(ConfigError) as caught:
        settings()
    monkeypatch.delenv("KIT_BROKERS")
    token = settings().x_bearer_token
    assert token is not None
    assert token.get_secret_value() == "s3cret"
    assert "s3cret" not in f"{settings()!r} {caught.value} {caught.value.__cause__}"


def test_settings_cannot_be_changed_in_passing() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings().brokers = 3  # type: ignore[misc]


def test_the_readme_lists_every_variable() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    assert [name for name in Settings.model_fields if f"KIT_{name.upper()}" not in readme] == []
