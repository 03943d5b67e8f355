"""The OpenLineage standard, as its own library has it, to hold events against."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import jsonschema
import msgspec
from openlineage.client.generated import (
    base,
    column_lineage_dataset,
    dataset_version_dataset,
    datasource_dataset,
    error_message_run,
    output_statistics_output_dataset,
    parent_run,
    schema_dataset,
)

if TYPE_CHECKING:
    from towpath.catalog.openlineage import Json

FACETS: dict[str, type[base.BaseFacet]] = {
    "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet,
    "dataSource": datasource_dataset.DatasourceDatasetFacet,
    "errorMessage": error_message_run.ErrorMessageRunFacet,
    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "parent": parent_run.ParentRunFacet,
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
    "schema": schema_dataset.SchemaDatasetFacet,
}
SIGNED = ["_producer", "_schemaURL"]


def schema_of(kind: type) -> Json:
    """The JSON Schema of a type that the standard's own library made from its JSON Schema.

    It is closed: what the type does not have is refused.
    """
    schema = msgspec.json.schema(kind)
    for part in schema["$defs"].values():
        if "properties" in part:
            part["additionalProperties"] = False
            part["required"] += [name for name in SIGNED if name in part["properties"]]
    return cast("Json", schema)


def check(kind: type, value: object) -> None:
    """Check against the schema, and by the type's own code: UUIDs, times and URLs."""
    jsonschema.validate(value, schema_of(kind))
    msgspec.convert(value, kind)


def without_facets(value: object) -> object:
    if isinstance(value, list):
        return [without_facets(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: without_facets(one) for key, one in value.items() if not key.endswith("acets")}


def facets_in(value: object) -> list[tuple[str, Json]]:
    """Every facet, by its key."""
    if isinstance(value, list):
        return [facet for one in value for facet in facets_in(one)]
    if not isinstance(value, dict):
        return []
    own = [pair for key, one in value.items() if key.endswith("acets") for pair in one.items()]
    return own + [facet for one in value.values() for facet in facets_in(one)]


def check_event(made: Json) -> None:
    """Check an event and each facet in it against the standard."""
    check(base.RunEvent, without_facets(made))
    for key, facet in facets_in(made):
        check(FACETS[key], facet)
        assert facet["_schemaURL"] == FACETS[key]._get_schema()
    assert made["schemaURL"] == base.RunEvent._get_schema()
