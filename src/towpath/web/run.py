"""One process that answers HTTP: a port of its own, connections in front of an application."""

from __future__ import annotations

import asyncio
import errno
import gc
import ipaddress
import os
import resource
import signal
import socket
import sys
import tempfile
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from towpath.core.errors import Conflict, Invalid
from towpath.core.lock import acquired
from towpath.web.wire.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from towpath.web.app import App

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# A connection that is idle takes the place of another, so there are many more of them than requests
# that may wait; those beyond wait in the system's own queue.
BACKLOG = 1024
MOST_CONNECTIONS = 4096
OTHER_FILES = 128
# So long requests under way may take at the end.
GRACE_SECONDS = 30.0


def run(app: App, address: tuple[str, int], ready: Callable[[str], None]) -> None:
    """Answer until SIGTERM or SIGINT; requests under way are finished.

    Args:
        app: the application.
        address: host, as ``resolved`` returns it, and port.
        ready: called once with the URL, as soon as it answers.
    """
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app, address, ready))


def resolved(host: str) -> str:
    """Return the address of a host name.

    Raises:
        Invalid: there is no such host.

    Example:
        >>> resolved("127.0.0.1")
        '127.0.0.1'
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        message = f"The host {host!r} cannot be found: {error}."
        raise Invalid(message, hint="Use --host 127.0.0.1.") from error
    return str(found[0][4][0])


@contextmanager
def claimed_port(host: str, port: int) -> Iterator[int]:
    """Hold a port for this process, or refuse.

    The server's socket would share the port with a forgotten server (SO_REUSEPORT), which then
    silently took part of the requests. A lock, and a probe without that option, prevent it.

    Raises:
        Conflict: another process has the port.
        Invalid: the address cannot be listened at.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as stack:
        probe = stack.enter_context(closing(socket.socket(family, socket.SOCK_STREAM)))
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except PermissionError as error:
            message = f"This user may not listen at port {port}."
            raise Invalid(message, hint="Use a port from 1024 on: --port 8000") from error
        except (OSError, OverflowError) as error:
            raise _taken(host, port, error) from error
        claimed: int = probe.getsockname()[1]
        stack.enter_context(_locked(claimed))
        probe.close()
        yield claimed


@contextmanager
def _locked(port: int) -> Iterator[None]:
    """Hold the machine's lock for a port."""
    path = Path(tempfile.gettempdir()) / f"towpath-{os.getuid()}-port-{port}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _lock(handle, port)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, port: int) -> None:
    """Take the lock and leave the process's number in it, for whoever comes second."""
    if not acquired(handle):
        owner = os.read(handle, 20).decode() or "another"
        message = f"Port {port} is held by process {owner}, a towpath server."
        raise Conflict(message, hint=_another(port), port=port)
    os.truncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())


def _taken(host: str, port: int, error: Exception) -> Conflict | Invalid:
    """Say why an address cannot be listened at."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        message = f"Port {port} at {host} is taken by another process."
        return Conflict(message, hint=_another(port), port=port)
    return Invalid(
        f"The address {host}:{port} cannot be used: {error}.", hint="Use --host 127.0.0.1."
    )


def _another(port: int) -> str:
    """Say what to do about a port that is taken."""
    return f"Stop that process (find it: ss -ltnp 'sport = :{port}') or use --port {port + 1}."


def allowed_hosts(address: str) -> frozenset[str]:
    """Return the names that a server may be called by, none for any.

    Example:
        >>> "localhost" in allowed_hosts("127.0.0.1"), allowed_hosts("192.0.2.1")
        (True, frozenset())
    """
    loopback = ipaddress.ip_address(address).is_loopback
    return frozenset((*LOOPBACK, address)) if loopback else frozenset()


async def _serve(app: App, address: tuple[str, int], ready: Callable[[str], None]) -> None:
    """Run the server in this process until a signal."""
    host, port = address
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stopped.set)
    listener = Listener(app, most=_connections())
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server(address, family=family, backlog=BACKLOG, reuse_port=True)
    listener.listen(listening)
    shown = f"[{host}]" if ":" in host else host
    ready(f"http://{shown}:{port}")
    await stopped.wait()
    await listener.drained(GRACE_SECONDS)


def _connections() -> int:
    """Return how many connections may be open at once, as many as the system allows open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = min(MOST_CONNECTIONS + OTHER_FILES, _count(hard))
    if _count(soft) < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(1, allowed - OTHER_FILES)


def _count(limit: int) -> int:
    """Return a limit as a number, also where there is none."""
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit
