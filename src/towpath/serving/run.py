"""The process that serves endpoints, until it is told to stop."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from towpath.core.clock import Clock, SystemClock
from towpath.core.errors import Invalid
from towpath.core.instant import to_micros
from towpath.core.record import Record
from towpath.features.warm import empty_row, warm
from towpath.serving.live import Live, Taken, watch
from towpath.serving.log import PredictionLog
from towpath.serving.predict import Answering
from towpath.serving.server import Server
from towpath.web.route import Limits
from towpath.web.run import allowed_hosts, claimed_port, resolved, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from towpath.serving.served import Served


class Options(Record, frozen=True):
    """Where a server listens and what it keeps where.

    Args:
        state: folder of pointers and the prediction log.
        artifacts: folder of model files.
        host: address to listen at.
        port: port to listen at; 0 for any that is free.
    """

    state: Path
    artifacts: Path
    host: str = "127.0.0.1"
    port: int = 8000


def serve(
    endpoints: Sequence[Served],
    options: Options,
    *,
    ready: Callable[[str], None],
    clock: Clock | None = None,
) -> None:
    """Serve endpoints until SIGTERM or SIGINT; requests under way are finished.

    Args:
        endpoints: what to serve.
        options: where and from which folders.
        ready: called once with the server's URL, as soon as it answers.
        clock: tells the time, the system's unless given.

    Raises:
        Conflict: the port is taken, or a version may not answer.
        Contract: a version's files are missing or damaged.
        NotFound: nothing is deployed at an endpoint.
    """
    address = resolved(options.host)
    with ExitStack() as stack:
        port = stack.enter_context(claimed_port(address, options.port))
        answering = stack.enter_context(opened(endpoints, options, clock=clock or SystemClock()))
        server = Server(answering, limits=Limits(hosts=allowed_hosts(address)))
        run(server.app, (address, port), ready)


@contextmanager
def opened(
    endpoints: Sequence[Served], options: Options, *, clock: Clock
) -> Iterator[tuple[Answering, ...]]:
    """Load the versions, open the logs and follow the pointers; close all of it at the end."""
    if not endpoints:
        raise Invalid("There is nothing to serve.", hint="Write endpoints/NAME.yaml.")
    with ExitStack() as stack:
        answering: list[Answering] = []
        for one in endpoints:
            name = one.endpoint.name
            _warm(one, clock)
            taken = Taken(one.schema, one.definition)
            live = Live(name, taken, state=options.state, artifacts=options.artifacts)
            folder = log_folder(options.state, name)
            log = stack.enter_context(PredictionLog(folder, name, features=tuple(one.schema)))
            answering.append(Answering(one, live, log=log, clock=clock))
        stopped = threading.Event()
        thread = watch(tuple(one.live for one in answering), stopped)
        stack.callback(thread.join)
        stack.callback(stopped.set)
        yield tuple(answering)


def _warm(served: Served, clock: Clock) -> None:
    """Ask for a made-up row, so that what compiles on first use has done so before a client asks.

    Raises:
        NotFound: a view was never materialised.
    """
    served.source.freshness()
    row, at = empty_row(served.row), to_micros(clock.now())
    warm(f"endpoint {served.endpoint.name}", lambda: served.source.by_rows([row], at))


def log_folder(state: Path, endpoint: str) -> Path:
    """Return where the prediction log of an endpoint is kept.

    Example:
        >>> log_folder(Path("state"), "delay").as_posix()
        'state/predictions/delay'
    """
    return state / "predictions" / endpoint
