"""Settings: every `KIT_*` variable the kit reads, typed, in one place.

>>> from kit.config import settings
>>> settings().brokers
1
"""

from datetime import date
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from kit.errors import ConfigError

__all__ = ["Settings", "settings"]


class Settings(BaseSettings):
    """The kit's settings, read from the environment each time `settings()` is called."""

    model_config = SettingsConfigDict(env_prefix="KIT_", extra="ignore", frozen=True)

    home: Path = Field(
        default_factory=lambda: platformdirs.user_state_path("pipeline-kit"),
        description="state folder: pids, ports, logs and data of the lab's servers; progress in exercises",
    )
    cache: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("pipeline-kit"),
        description="jars and class-data archives; safe to delete",
    )
    brokers: int = Field(default=1, ge=1, le=5, description="Kafka brokers that the lab starts with")
    kafka_port: int = Field(default=9092, ge=0, le=65535, description="first broker's port; 0 takes any free one")
    kafka_bootstrap_servers: str | None = Field(
        default=None, description="host:port,… of a Kafka cluster of your own; the lab then starts none"
    )
    feeds: Literal["local", "live"] = Field(default="local", description="`live` uses the real Yahoo and X")
    feeds_port: int = Field(default=8900, ge=0, le=65535, description="the local feeds' port; 0 takes any free one")
    feeds_start: date = Field(default=date(2008, 9, 15), description="trading day at which the replay starts")
    feeds_speed: float = Field(default=1.0, gt=0, le=1000, description="trading days replayed a second")
    x_bearer_token: SecretStr | None = Field(default=None, description="X API v2 bearer token, for live feeds")


def settings() -> Settings:
    """Read the settings from the environment.

    Raises
    ------
    ConfigError
        A variable holds a value that cannot be used; the message names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = f"KIT_{'_'.join(map(str, first['loc'])).upper()}"
        raise ConfigError(
            f"{name}: {first['msg'][0].lower()}{first['msg'][1:]}",
            got=repr(first["input"]) if "TOKEN" not in name else "another value",
            todo=f"change or unset the environment variable {name}",
        ) from error
