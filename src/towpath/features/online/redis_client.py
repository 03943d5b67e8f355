"""A client of Valkey or Redis, and what its errors mean: for the store and for streams."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from towpath.core.errors import Denied, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.features.online.server_url import ServerUrl

REFUSED = (
    redis.exceptions.AuthenticationError,
    redis.exceptions.AuthorizationError,
    redis.exceptions.NoPermissionError,
    redis.exceptions.ReadOnlyError,
)


def open_client(found: ServerUrl, *, timeout: float) -> redis.Redis:
    """Return a client, which connects when it is first used, and repeats nothing by itself.

    Args:
        found: where the server is; its numbers have a ``connect_timeout``.
        timeout: how long an answer may take, in seconds.

    Example:
        >>> from towpath.features.online.server_url import read_server_url
        >>> numbers = {"connect_timeout": 1.0}
        >>> found = read_server_url("redis://127.0.0.1/0", 6379, options={}, numbers=numbers)
        >>> open_client(found, timeout=0.5).close()
    """
    return redis.Redis(
        host=found.hosts[0],
        port=found.port,
        db=found.database,
        username=found.user or None,
        password=found.password or None,
        socket_timeout=timeout,
        socket_connect_timeout=found.numbers["connect_timeout"],
        retry=Retry(NoBackoff(), 0),
    )


@contextmanager
def explained(name: str, hint: str) -> Iterator[None]:
    """Say what an error of the client or the server means for the caller.

    Args:
        name: what is worked with.
        hint: what to do where it refuses.

    Raises:
        Denied: the server refuses.
        Unavailable: it does not answer, or not as it should.
    """
    try:
        yield
    except REFUSED as error:
        raise Denied(f"{name} refuses: {error}.", hint=hint) from error
    except redis.RedisError as error:
        message = f"{name} does not work: {error}."
        raise Unavailable(message, hint="Start it, or wait until it answers.") from error
