"""The process that serves features, until it is told to stop."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from towpath.core.clock import Clock, SystemClock
from towpath.core.record import Record
from towpath.features.server.push import Pushes
from towpath.features.server.server import FeatureServer
from towpath.web.app import Limits
from towpath.web.run import allowed_hosts, claimed_port, resolved, run
from towpath.web.token import Tokens
from towpath.web.workers import forked

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from towpath.features.server.definitions import Definitions


class Options(Record, frozen=True):
    """Where a feature server listens and who may ask it.

    Args:
        host: address to listen at.
        port: port to listen at; 0 for any that is free.
        workers: processes that answer.
        log: folder of the log of pushed rows.
        tokens: file of tokens; everybody may ask without one.
    """

    log: Path
    host: str = "127.0.0.1"
    port: int = 6566
    workers: int = 1
    tokens: Path | None = None


def serve(
    opened: Callable[[], AbstractContextManager[Definitions]],
    options: Options,
    *,
    ready: Callable[[str], None],
    clock: Clock | None = None,
) -> None:
    """Serve features until SIGTERM or SIGINT; requests under way are finished.

    Args:
        opened: opens the project; called in each worker, so that none shares what another opened.
        options: where, and for whom.
        ready: called once with the server's URL, as soon as all workers answer.
        clock: tells the time, the system's unless given.

    Raises:
        Conflict: the port is taken.
        Invalid: a definition cannot be served.
    """
    address = resolved(options.host)
    with (
        claimed_port(address, options.port) as port,
        forked(options.workers, ready) as announce,
        opened() as known,
        closing(Pushes(known, options.log, clock=clock or SystemClock())) as pushes,
    ):
        server = FeatureServer(
            known,
            clock=clock or SystemClock(),
            limits=Limits(hosts=allowed_hosts(address)),
            pushes=pushes,
            tokens=None if options.tokens is None else Tokens(options.tokens),
        )
        pushes.replay()
        server.warm()
        run(server.app, (address, port), announce)
