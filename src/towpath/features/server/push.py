"""Pushes over HTTP: events into the online store, and by way of a log into the lake."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

import msgspec

from towpath.core.errors import Contract, Invalid, did_you_mean
from towpath.core.instant import from_micros, to_micros
from towpath.features.push import PushReport, checked_rows, push
from towpath.features.push_log import PushLog, entries, entry_of
from towpath.features.server.pushed_rows import columns_of, stream_of, table_of
from towpath.web.message import ARROW, Response
from towpath.web.problem import Missing

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from towpath.core.clock import Clock
    from towpath.features.server.definitions import Definitions
    from towpath.features.view import FeatureView
    from towpath.lake.dataset import Dataset
    from towpath.web.message import Request

Target = Literal["online", "offline", "online_and_offline"]
BODY_BYTES = 16 << 20


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

    Attributes:
        reports: what became of rows since the start, by dataset.
    """

    def __init__(self, known: Definitions, folder: Path, *, clock: Clock) -> None:
        """Start without a log: a server that is not pushed to writes none."""
        self.reports: dict[str, PushReport] = {}
        self._known = known
        self._folder = folder
        self._clock = clock
        self._guard = threading.Lock()
        self._log: PushLog | None = None
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

    def replay(self) -> int:
        """Put into the online store what a killed server had only in its log; return the rows."""
        rows = 0
        for entry in entries(self._folder):
            if entry.online and entry.dataset in self._known.datasets:
                dataset, at = self._known.datasets[entry.dataset], from_micros(entry.arrived)
                push(self._known.store, dataset, self._views(dataset), entry.table, now=at)
                rows += entry.table.num_rows
        return rows

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()

    def _taken(self, dataset: Dataset, rows: pa.Table, to: Target) -> Response:
        """Take rows in, and say what became of them."""
        now, report = self._clock.now(), PushReport(rows.num_rows)
        try:
            if to != "online":
                given = checked_rows(dataset, rows)
                online = to == "online_and_offline"
                entry = entry_of(dataset.name, given, arrived=to_micros(now), online=online)
                self._opened().append(entry)
            if to != "offline":
                report = push(self._known.store, dataset, self._views(dataset), rows, now=now)
        except Contract as error:
            refused = Invalid(error.message, hint=error.hint)
            refused.data = error.data
            raise refused from error
        with self._guard:
            before = self.reports.get(dataset.name, PushReport(0))
            self.reports[dataset.name] = (before + report).replace(rows=before.rows + report.rows)
        return Response(msgspec.json.encode(msgspec.structs.asdict(report)))

    def _opened(self) -> PushLog:
        """Return the log, open."""
        with self._guard:
            if self._log is None:
                self._log = PushLog(self._folder)
            return self._log

    def _views(self, dataset: Dataset) -> list[FeatureView]:
        """Return the views of a dataset."""
        return [one for one in self._known.views.values() if one.source == dataset.name]

    def _dataset(self, name: str) -> Dataset:
        """Return the dataset that a request names."""
        known = {view.source for view in self._known.views.values()}
        if name not in known:
            message = f"There is no dataset {name!r} that a view is made of."
            raise Missing(message, hint=did_you_mean(name, known))
        return self._known.datasets[name]
