"""A requests adapter that sends tweepy's requests to another address, adds the token, and can be hung up."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter

from kit.sources._http import on_this_machine

__all__ = ["XAdapter"]

_CONNECT_SECONDS = 3.05


class XAdapter(HTTPAdapter):
    """Sends what tweepy addresses to X to another place, with the token that place wants.

    After `hang_up` (`hung_up` is set), a stream that is asked for ends before it begins.
    """

    def __init__(self, url: str, token: SecretStr, read_timeout: float) -> None:
        super().__init__()
        self._url, self._token, self._read_timeout = url, token, read_timeout
        self._connections: WeakSet[Any] = WeakSet()
        self.last: requests.Response | None = None  # the answer to the newest request for a stream
        self.hung_up = threading.Event()

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        streaming = options.get("stream")
        if streaming and self.hung_up.is_set():
            raise requests.ConnectionError("hung up before it was connected", request=request)
        parts = urlsplit(str(request.url))
        request.url = f"{self._url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        options["timeout"] = (_CONNECT_SECONDS, self._read_timeout)
        if on_this_machine(self._url):
            options["proxies"] = {}  # what requests found in the environment is for X's own address
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        try:
            response = super().send(request, **options)
        finally:
            del request.headers["Authorization"]  # answers and errors hold the request: they must not show the token
        if streaming:
            self.last = response
            if self.hung_up.is_set():
                self.hang_up()
        return response

    def hang_up(self) -> None:
        """End what another thread waits for: an answer, or more of a stream."""
        self.hung_up.set()
        for connection in list(self._connections):
            with suppress(AttributeError, OSError):  # it is not open, or not any more
                connection.sock.shutdown(socket.SHUT_RDWR)
        if self.last is not None:
            with suppress(ValueError, OSError, RuntimeError):  # it has ended by itself
                self.last.raw.shutdown()

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """As in requests; it notes the connections, since urllib3 does not tell which are in use."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = self._noting(type(pool).ConnectionCls)
        return pool

    def _noting(self, kind: Callable[..., Any]) -> Callable[..., Any]:
        def connect(**options: Any) -> Any:
            connection = kind(**options)
            self._connections.add(connection)
            return connection

        return connect
