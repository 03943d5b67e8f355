"""The process that serves features, until it is told to stop."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from towpath.core.clock import Clock, SystemClock
from towpath.core.record import Record
from towpath.features.online.breaker import BreakingStore
from towpath.features.server.push import Pushes
from towpath.features.server.replay import Replay
from towpath.features.server.server import FeatureServer
from towpath.web.app import App
from towpath.web.route import Limits
from towpath.web.run import allowed_hosts, claimed_port, resolved, run
from towpath.web.scoreboard import Scoreboard
from towpath.web.token import Tokens
from towpath.web.workers import forked

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from towpath.features.server.definitions import Definitions
    from towpath.web.metrics import Sheet


class Options(Record, frozen=True):
    """Where a feature server listens and who may ask it.

    Args:
        host: address to listen at.
        port: port to listen at; 0 for any that is free.
        workers: processes that answer.
        log: folder of the log of pushed rows.
        tokens: file of tokens; everybody may ask without one.
        flush_seconds: how often pushed rows are brought into the lake; 0 for never.
    """

    log: Path
    host: str = "127.0.0.1"
    port: int = 6566
    workers: int = 1
    tokens: Path | None = None
    flush_seconds: float = 60.0


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
    address, clock = resolved(options.host), clock or SystemClock()
    board = Scoreboard(options.workers)
    with (
        claimed_port(address, options.port) as port,
        forked(options.workers, ready) as worker,
        opened() as project,
    ):
        sheet = board.sheet(worker.number)
        known = _guarded(project, sheet)
        app = partial(
            App,
            limits=Limits(hosts=allowed_hosts(address)),
            tokens=None if options.tokens is None else Tokens(options.tokens),
            sheet=sheet,
        )
        with (
            closing(_pushes(known, options, clock, sheet)) as pushes,
            closing(Replay(pushes.replay)) as replay,
        ):
            server = FeatureServer(known, app, clock=clock, pushes=pushes, sheet=sheet)
            replay.start()
            server.warm()
            pushes.flusher.start()
            run(server.app, (address, port), worker.announce)


def _pushes(known: Definitions, options: Options, clock: Clock, sheet: Sheet) -> Pushes:
    """Open what takes rows in."""
    seconds = options.flush_seconds
    return Pushes(known, options.log, clock=clock, sheet=sheet, flush_seconds=seconds)


def _guarded(project: Definitions, sheet: Sheet) -> Definitions:
    """Put a breaker before a store that is another process."""
    if not project.store.remote:
        return project
    return project._replace(store=BreakingStore(project.store, sheet=sheet))
