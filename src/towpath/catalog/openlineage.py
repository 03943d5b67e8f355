"""Runs and what they read and wrote, as events of the OpenLineage standard."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal
from uuid import NAMESPACE_URL, uuid5

import msgspec

from towpath.core.instant import format_instant
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal["START", "COMPLETE", "FAIL"]
Json = dict[str, object]

PRODUCER = "urn:towpath"
SPECIFICATION = "https://openlineage.io/spec"
RUN_EVENT = f"{SPECIFICATION}/2-0-2/OpenLineage.json#/$defs/RunEvent"
# The version of each facet's own schema.
FACETS = {
    "ColumnLineageDatasetFacet": "1-2-0",
    "DatasetVersionDatasetFacet": "1-0-1",
    "DatasourceDatasetFacet": "1-0-1",
    "ErrorMessageRunFacet": "1-0-1",
    "OutputStatisticsOutputDatasetFacet": "1-0-2",
    "ParentRunFacet": "1-2-0",
    "SchemaDatasetFacet": "1-2-0",
}


class TableColumn(Record, frozen=True):
    """A column of a table.

    Args:
        name: its name.
        dtype: its type, such as ``float64``.
        doc: what it says.
    """

    name: str
    dtype: str = ""
    doc: str = ""


class Origin(Record, frozen=True):
    """A column that another is made of.

    Args:
        namespace: where the table is kept.
        table: the table's name.
        column: the column's name.
    """

    namespace: str
    table: str
    column: str


class Table(Record, frozen=True):
    """A table that a run reads or writes.

    Args:
        namespace: where it is kept, such as the URL of the lake.
        name: its name.
        uri: where exactly its data is; empty if that is not told.
        columns: what it holds.
        made_of: for each column of an output the columns it is made of.
        rows: how many rows were written; None for an input.
        size: how many bytes were written; None if that is not known.
        version: which version was read or written; empty if that is not told.
    """

    namespace: str
    name: str
    uri: str = ""
    columns: tuple[TableColumn, ...] = ()
    made_of: dict[str, tuple[Origin, ...]] = msgspec.field(default_factory=dict)
    rows: int | None = None
    size: int | None = None
    version: str = ""


class Job(Record, frozen=True):
    """One run of a job.

    Args:
        namespace: the project's name.
        name: what runs, such as ``ingest.trips``.
        run: id of this run, unique within the project.
    """

    namespace: str
    name: str
    run: str

    @property
    def run_id(self) -> str:
        """The run's id as the standard wants it: a UUID, always the same for the same run."""
        return str(uuid5(NAMESPACE_URL, f"{PRODUCER}:{self.namespace}/{self.run}"))


class RunEvent(Record, frozen=True):
    """The start or the end of a run.

    Args:
        state: what happened.
        job: which run.
        at: when.
        inputs: what it reads.
        outputs: what it writes.
        parent: the run that this one is a part of.
        error: why it failed.
        trace: where it failed.

    Example:
        >>> from towpath.core.instant import EPOCH
        >>> event = RunEvent("START", Job("taxi", "ingest.trips", "r1"), EPOCH)
        >>> to_openlineage(event)["eventTime"]
        '1970-01-01T00:00:00Z'
    """

    state: State
    job: Job
    at: datetime
    inputs: tuple[Table, ...] = ()
    outputs: tuple[Table, ...] = ()
    parent: Job | None = None
    error: str = ""
    trace: str = ""


def to_openlineage(event: RunEvent) -> Json:
    """Write an event as a RunEvent of the standard, version 2-0-2."""
    return {
        "eventType": event.state,
        "eventTime": format_instant(event.at),
        "run": {"runId": event.job.run_id, "facets": _run_facets(event)},
        "job": {"namespace": event.job.namespace, "name": event.job.name, "facets": {}},
        "inputs": [_dataset(table) for table in event.inputs],
        "outputs": [
            {**_dataset(table), "outputFacets": _output_facets(table)} for table in event.outputs
        ],
        "producer": PRODUCER,
        "schemaURL": RUN_EVENT,
    }


def _facet(kind: str, content: Mapping[str, object]) -> Json:
    """Sign a facet."""
    url = f"{SPECIFICATION}/facets/{FACETS[kind]}/{kind}.json#/$defs/{kind}"
    return {"_producer": PRODUCER, "_schemaURL": url, **content}


def _run_facets(event: RunEvent) -> Json:
    """Tell the parent and the error."""
    facets: Json = {}
    if event.parent is not None:
        job = {"namespace": event.parent.namespace, "name": event.parent.name}
        content = {"run": {"runId": event.parent.run_id}, "job": job}
        facets["parent"] = _facet("ParentRunFacet", content)
    if event.error:
        error = {"message": event.error, "programmingLanguage": "PYTHON"}
        trace = {"stackTrace": event.trace} if event.trace else {}
        facets["errorMessage"] = _facet("ErrorMessageRunFacet", {**error, **trace})
    return facets


def _dataset(table: Table) -> Json:
    """Name a table and tell its columns, their origins, its version and where it is."""
    facets: Json = {}
    if table.columns:
        fields = [
            {"name": one.name, "type": one.dtype, "description": one.doc} for one in table.columns
        ]
        told = [{key: value for key, value in field.items() if value} for field in fields]
        facets["schema"] = _facet("SchemaDatasetFacet", {"fields": told})
    if table.version:
        version = {"datasetVersion": table.version}
        facets["version"] = _facet("DatasetVersionDatasetFacet", version)
    if table.uri:
        source = {"name": table.namespace, "uri": table.uri}
        facets["dataSource"] = _facet("DatasourceDatasetFacet", source)
    if table.made_of:
        made = {column: {"inputFields": _origins(of)} for column, of in table.made_of.items()}
        facets["columnLineage"] = _facet("ColumnLineageDatasetFacet", {"fields": made})
    return {"namespace": table.namespace, "name": table.name, "facets": facets}


def _origins(origins: tuple[Origin, ...]) -> list[Json]:
    """Name the columns that one is made of."""
    return [{"namespace": one.namespace, "name": one.table, "field": one.column} for one in origins]


def _output_facets(table: Table) -> Json:
    """Tell how much was written."""
    known = {"rowCount": table.rows, "size": table.size}
    counts = {key: value for key, value in known.items() if value is not None}
    if not counts:
        return {}
    kind = "OutputStatisticsOutputDatasetFacet"
    return {"outputStatistics": _facet(kind, counts)}
