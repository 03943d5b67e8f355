"""A client that keeps its connection open, on the standard library's HTTP alone."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from towpath.core.closing import Closing
from towpath.core.errors import (
    Denied,
    Invalid,
    NotFound,
    TowpathError,
    Unavailable,
)
from towpath.core.instant import format_instant
from towpath.serving.message import Answer, Prediction
from towpath.web.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

ERRORS: dict[int, type[TowpathError]] = {
    400: Invalid,
    403: Denied,
    404: NotFound,
    405: Invalid,
    413: Invalid,
    415: Invalid,
    422: Invalid,
}
JSON = {"content-type": "application/json"}


class Client(Closing):
    """Asks a server; one thread at a time.

    Args:
        url: the server's address, such as ``http://127.0.0.1:8000``.
        timeout: seconds to wait for each answer.

    Raises:
        Invalid: the address is not one of HTTP.

    Example:
        >>> Client("http://127.0.0.1:8000").url
        'http://127.0.0.1:8000'
    """

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        """Keep the address; nothing is connected yet."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise Invalid(f"{url!r} is no address.", hint="Write it as http://127.0.0.1:8000")
        self.url = url
        self._connection = http.client.HTTPConnection(
            parts.hostname, parts.port or 80, timeout=timeout
        )
        self._decode = msgspec.json.Decoder(Answer).decode

    def predict(
        self,
        endpoint: str,
        *,
        keys: Sequence[Mapping[str, object]] | None = None,
        rows: Sequence[Mapping[str, object]] | None = None,
        at: datetime | None = None,
    ) -> list[Prediction]:
        """Ask an endpoint for predictions, in the order of the keys or rows.

        Args:
            endpoint: its name.
            keys: keys of rows that the server knows.
            rows: rows that the caller knows; give either.
            at: time to predict at, now unless given.

        Raises:
            NotFound: no such endpoint, or a key is unknown.
            Invalid: the request cannot be right.
            Unavailable: the server is busy or does not answer.
        """
        asked: dict[str, object] = {"keys": keys} if rows is None else {"rows": rows}
        if at is not None:
            asked["at"] = format_instant(at)
        body = msgspec.json.encode(asked)
        return self._decode(self._send("POST", f"/endpoints/{endpoint}/predict", body)).predictions

    def read(self, path: str) -> bytes:
        """Return what a path holds, such as ``/`` or ``/metrics``.

        Raises:
            NotFound: nothing is there.
            Unavailable: the server does not answer.
        """
        return self._send("GET", path, None)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _send(self, method: str, path: str, body: bytes | None) -> bytes:
        """Send a request, a second time if the server had closed the idle connection."""
        idle = self._connection.sock is not None
        try:
            status, answer = self._exchange(method, path, body)
        except (http.client.HTTPException, OSError) as error:
            self._connection.close()
            if not idle or isinstance(error, TimeoutError):
                raise self._silent(error) from error
            return self._send(method, path, body)
        if status >= http.client.BAD_REQUEST:
            raise _refusal(status, answer)
        return answer

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """Send one request and read its answer."""
        self._connection.request(method, path, body=body, headers=JSON)
        response = self._connection.getresponse()
        return response.status, response.read()

    def _silent(self, error: Exception) -> Unavailable:
        """Say that nothing answers."""
        message = f"The server at {self.url} does not answer: {error}."
        return Unavailable(message, hint="Start it: towpath serve")


def _refusal(status: int, body: bytes) -> TowpathError:
    """Turn a problem back into the error that it was made from."""
    kind = ERRORS.get(status, Unavailable)
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except msgspec.DecodeError:
        return kind(f"The server answered {status}.", hint="See its log.", status=status)
    error = kind(problem.detail or problem.title, hint=problem.hint)
    error.data = problem.data
    return error
