"""Settings: every `KIT_*` variable the kit reads, typed, in one place.

>>> from kit.config import settings
>>> settings().brokers
1
"""

import errno
import os
import re
from datetime import date
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kit.errors import ConfigError

__all__ = ["Settings", "explicit", "settings"]


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
    kafka_heap: int = Field(default=96, ge=64, le=8192, description="Java heap of a broker, in MB")
    kafka_bootstrap_servers: str | None = Field(
        default=None, description="host:port,… of a Kafka cluster of your own; the lab then starts none"
    )
    cassandra_nodes: int = Field(default=1, ge=1, le=3, description="Cassandra nodes that the lab starts with")
    cassandra_port: int = Field(default=9042, ge=0, le=65535, description="first node's port; 0 takes any free one")
    cassandra_heap: int = Field(default=256, ge=128, le=8192, description="Java heap of a Cassandra node, in MB")
    cassandra_contact_points: str | None = Field(
        default=None, description="host:port,… of a Cassandra cluster of your own; the lab then starts none"
    )
    spark_master: str | None = Field(default=None, description="spark://host:port of a Spark of your own")
    spark_heap: int = Field(default=512, ge=384, le=16384, description="Java heap of Spark's driver, in MB")
    feeds: Literal["local", "live"] = Field(default="local", description="`live` uses the real Yahoo and X")
    feeds_port: int = Field(default=8900, ge=0, le=65535, description="the local feeds' port; 0 takes any free one")
    feeds_start: date = Field(default=date(2008, 9, 15), description="trading day at which the replay starts")
    feeds_speed: float = Field(default=1.0, gt=0, le=1000, description="trading days replayed a second")
    x_bearer_token: SecretStr | None = Field(default=None, description="X API v2 bearer token, for live feeds")

    @field_validator("home", "cache")
    @classmethod
    def _usable(cls, folder: Path) -> Path:
        """The folder as a whole path: `~` is the home folder, and servers run elsewhere than this program."""
        try:
            folder = folder.expanduser().absolute()
        except RuntimeError as error:
            raise ValueError(f"a folder with a known home: {error}") from error
        try:
            str(folder).encode()
        except UnicodeEncodeError as error:
            raise ValueError("a folder whose name is text in UTF-8: Java cannot open another") from error
        try:
            (folder / ("x" * 250)).stat()  # as long as what the servers write below it
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise ValueError("a folder with a shorter path") from error
        if not str(folder).isprintable():
            raise ValueError("a folder whose name has no control characters")
        return folder

    @field_validator("spark_master")
    @classmethod
    def _is_master(cls, master: str | None) -> str | None:
        if master and not re.fullmatch(r"local(\[[\d*,]+\])?|spark://[^\s/:,]+:\d+(,[^\s/:,]+:\d+)*", master):
            raise ValueError("the address of a Spark master, spark://host:port")
        return master or None

    @field_validator("cache")
    @classmethod
    def _in_a_class_path(cls, folder: Path) -> Path:
        """A Java class path cannot quote what separates its jars, nor what ends the name of one."""
        for odd, what in ((os.pathsep, "separates the jars of a Java class path"), ("!/", "ends the name of a jar")):
            if odd in f"{folder}/":
                raise ValueError(f"a folder without {odd!r} in its name, which {what}")
        return folder


def explicit(settings: Settings, name: str) -> bool:
    """Whether the user asked for a setting: then no other value will do."""
    return name in settings.model_fields_set


def settings() -> Settings:
    """Read the settings from the environment. `ConfigError` names a variable whose value cannot be used."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        text = first["msg"].removeprefix("Value error, ")
        name = f"KIT_{'_'.join(map(str, first['loc'])).upper()}"
        got = ascii(str(first["input"]))[:200] if "TOKEN" not in name else "another value"
        todo = f"change or unset the environment variable {name}"
        raise ConfigError(f"{name}: {text[:1].lower()}{text[1:]}", got=got, todo=todo) from error
    except RuntimeError as error:  # of platformdirs: a container may run as a user who has no name, and no HOME
        raise ConfigError("a user with a home folder", got=str(error), todo="export HOME=$(mktemp -d)") from error
