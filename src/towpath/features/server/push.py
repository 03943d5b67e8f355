"""Pushes over HTTP: events into the online store, and by way of a log into the lake."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import msgspec

from towpath.core.errors import Contract, Invalid, TowpathError, Unavailable, did_you_mean
from towpath.core.instant import from_micros, to_micros
from towpath.features.push import Pusher, PushReport, Target
from towpath.features.push_log import PushLog, entries, entry_of, known_online, since_of
from towpath.features.pushed_rows import columns_of, stream_of, table_of
from towpath.features.server.flusher import Flusher
from towpath.web.message import ARROW, Response
from towpath.web.metrics import Counter
from towpath.web.problem import Missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from towpath.core.clock import Clock
    from towpath.features.push_log import Entry
    from towpath.features.server.definitions import Definitions
    from towpath.lake.dataset import Dataset
    from towpath.web.message import Request
    from towpath.web.metrics import Sheet

BODY_BYTES = 16 << 20
OUTCOMES = ("accepted", "repeated", "expired")

logger = logging.getLogger(__name__)


class PushRequest(msgspec.Struct):
    """The body of Feast's ``POST /push``; other fields are passed over, as Feast does.

    Args:
        push_source_name: the dataset.
        df: rows by column.
        to: where they go.
    """

    push_source_name: str
    df: dict[str, list[object]]
    to: Target = "online"


class WriteRequest(msgspec.Struct):
    """The body of Feast's ``POST /write-to-online-store``.

    Args:
        feature_view_name: a view; the rows are events of its dataset.
        df: rows by column.
    """

    feature_view_name: str
    df: dict[str, list[object]]


class RowsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of our own route for a dataset.

    Args:
        rows: one by one, or by column.
        to: where they go.
    """

    rows: list[dict[str, object]] | dict[str, list[object]]
    to: Target = "online"


def push_path(dataset: Dataset) -> str:
    """Return the path at which rows of a dataset are pushed."""
    return f"/v1/datasets/{dataset.name}/rows"


class Pushes:
    """Answers pushes, each in a thread.

    Args:
        known: the project's definitions.
        folder: where the log of rows for the lake is kept.
        clock: tells when rows came.
        sheet: where the numbers are kept.
        flush_seconds: how often they are brought from there into the lake; 0 for never.

    Attributes:
        events: how many became what.
        flusher: brings rows into the lake once it is started.
    """

    def __init__(
        self,
        known: Definitions,
        folder: Path,
        *,
        clock: Clock,
        sheet: Sheet | None = None,
        flush_seconds: float = 0.0,
    ) -> None:
        """Start without a log: a server that is not pushed to writes none."""
        self.events = Counter(
            "feature_pushed_events_total",
            "Events, by what became of them.",
            labels=("dataset", "outcome"),
            sheet=sheet,
        )
        seconds = flush_seconds if known.lake else 0.0
        lake = known.opened_lake
        self.flusher = Flusher(folder, lake, seconds=seconds, clock=clock, sheet=sheet)
        self._known = known
        self._folder = folder
        self._clock = clock
        self._guard = threading.Lock()
        self._log: PushLog | None = None
        self._pushers: dict[str, Pusher] = {}
        self._decode_push = msgspec.json.Decoder(PushRequest).decode
        self._decode_write = msgspec.json.Decoder(WriteRequest).decode
        self._decode_rows = msgspec.json.Decoder(RowsRequest).decode

    def datasets(self) -> tuple[Dataset, ...]:
        """Return what can be pushed to: datasets of views, with a key and an event time."""
        sources = dict.fromkeys(view.source for view in self._known.views.values())
        found = (self._known.datasets[name] for name in sources)
        return tuple(one for one in found if one.key and one.event_time)

    def push(self, request: Request) -> Response:
        """Answer Feast's push.

        Raises:
            Missing: there is no such dataset.
            Invalid: the rows do not keep its contract; none was taken in.
            Unavailable: the store or the disk does not take them.
        """
        body = self._decode_push(request.body)
        dataset = self._dataset(body.push_source_name)
        return self._taken(dataset, table_of(dataset, body.df), body.to)

    def write(self, request: Request) -> Response:
        """Answer Feast's write to a view; raises as ``push``."""
        body = self._decode_write(request.body)
        view = self._known.views.get(body.feature_view_name)
        if view is None:
            hint = did_you_mean(body.feature_view_name, self._known.views)
            raise Missing(f"There is no view {body.feature_view_name!r}.", hint=hint)
        dataset = self._dataset(view.source)
        return self._taken(dataset, table_of(dataset, body.df), "online")

    def rows(self, request: Request) -> Response:
        """Answer our own route for a dataset; raises as ``push``.

        An Arrow stream says in the query where it goes: ``?to=offline``.
        """
        dataset = self._dataset(request.path.split("/")[-2])
        if request.media_type == ARROW:
            given = request.query.removeprefix("to=") or "online"
            return self._taken(dataset, stream_of(request.body), msgspec.convert(given, Target))
        body = self._decode_rows(request.body)
        columns = body.rows if isinstance(body.rows, dict) else columns_of(body.rows)
        return self._taken(dataset, table_of(dataset, columns), body.to)

    def replay(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Put into the online store what a killed server had only in its log; return the rows.

        An entry that no longer keeps its contract is logged and passed over: a flush tells of it.

        Args:
            stopped: asked before each entry whether to leave it and what follows.

        Raises:
            Unavailable: the store is; to do it again from the beginning changes nothing.
            Contract: a segment is damaged; what the others have was put there before.
        """
        rows, known = 0, known_online(self._folder)
        for entry in entries(self._folder):
            if stopped():
                break
            if not entry.online or entry.dataset not in self._known.datasets:
                continue
            dataset, at = self._known.datasets[entry.dataset], from_micros(entry.arrived)
            try:
                given = entry.table
                self._pusher(dataset).push(given, now=at)
            except Unavailable:
                raise
            except TowpathError as error:
                logger.error("rows of %r in the log cannot be pushed: %s", entry.dataset, error)  # noqa: TRY400 - it says all
            else:
                rows += given.num_rows
                if entry.id not in known:
                    self._note(entry, given, dataset)
        return rows

    def close(self) -> None:
        """Stop flushing, and close the log."""
        self.flusher.close()
        if self._log is not None:
            self._log.close()

    def _taken(self, dataset: Dataset, rows: pa.Table, to: Target) -> Response:
        """Take rows in, and say what became of them."""
        now, report, entry = self._clock.now(), PushReport(rows.num_rows), None
        pusher = self._pusher(dataset)
        try:
            given = pusher.checked(rows)
            if to != "online":
                online = to == "online_and_offline"
                entry = entry_of(dataset.name, given, arrived=to_micros(now), online=online)
                self._opened().append(entry)
            if to != "offline":
                report = pusher.add(given, now=now)
        except Contract as error:
            refused = Invalid(error.message, hint=error.hint)
            refused.data = error.data
            raise refused from error
        if entry is not None and entry.online:
            self._note(entry, given, dataset)
        with self._guard:
            for outcome in OUTCOMES:
                self.events.add((dataset.name, outcome), getattr(report, outcome))
        return Response(msgspec.json.encode(msgspec.structs.asdict(report)))

    def _note(self, entry: Entry, rows: pa.Table, dataset: Dataset) -> None:
        """Keep that rows of the log are online from now on."""
        now = to_micros(self._clock.now())
        self._opened().note(since_of(entry, rows, dataset, now=now))

    def _opened(self) -> PushLog:
        """Return the log, open."""
        with self._guard:
            if self._log is None:
                self._log = PushLog(self._folder)
            return self._log

    def _pusher(self, dataset: Dataset) -> Pusher:
        """Return what pushes rows of a dataset.

        Raises:
            Invalid: it has no key or event time.
        """
        with self._guard:
            found = self._pushers.get(dataset.name)
            if found is None:
                views = [one for one in self._known.views.values() if one.source == dataset.name]
                found = self._pushers[dataset.name] = Pusher(self._known.store, dataset, views)
        return found

    def _dataset(self, name: str) -> Dataset:
        """Return the dataset that a request names."""
        known = {view.source for view in self._known.views.values()}
        if name not in known:
            message = f"There is no dataset {name!r} that a view is made of."
            raise Missing(message, hint=did_you_mean(name, known))
        return self._known.datasets[name]
