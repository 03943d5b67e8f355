"""Datasets of the platform itself: every lake knows them, no project defines them."""

from __future__ import annotations

from towpath.lake.dataset import Column, Dataset

LIVE, REPLAY = "live", "replay"
FROM_KEY, FROM_ROW, FROM_DEFAULTS = "key", "row", "defaults"

PREDICTIONS = Dataset(
    name="predictions",
    columns=(
        Column("id", "string", doc="identifies the prediction"),
        Column("endpoint", "string"),
        Column("arm", "string", doc="alias that answered, such as champion"),
        Column("model", "string"),
        Column("version", "string", doc="version of the model"),
        Column("key", "string", doc="JSON object of the key asked for"),
        Column("at", "timestamp", doc="time that the features are as of"),
        Column("logged_at", "timestamp", doc="time of the answer"),
        Column("features", "string", doc="JSON object of the features by name"),
        Column("probability", "float64", minimum=0.0, maximum=1.0),
        Column("decision", "bool"),
        Column("origin", "string", doc="live: an answer; replay: made afterwards for its time"),
        Column("features_from", "string", doc="key: looked up; row: the caller's row; defaults"),
        Column(
            "features_until",
            "timestamp",
            nullable=True,
            doc="events up to here were known online; null where none were read there",
        ),
    ),
    key=("id",),
    event_time="logged_at",
    owner="towpath",
    description="One answer of an endpoint, with the features that it was given.",
    tags=("system",),
)

DEAD_LETTERS = Dataset(
    name="dead_letters",
    columns=(
        Column("dataset", "string", doc="what the message was to be rows of"),
        Column("stream", "string", doc="URL of the stream that it came on"),
        Column("message", "string", doc="what the stream calls it"),
        Column("sent_at", "timestamp", doc="when it was put on the stream"),
        Column("refused_at", "timestamp", doc="when it was last refused"),
        Column("reason", "string", doc="why"),
        Column("content", "binary", doc="the message as it came"),
    ),
    key=("dataset", "stream", "message"),
    event_time="refused_at",
    owner="towpath",
    description="One message of a stream that could not be pushed, in whole or in part.",
    tags=("system",),
)

PUSH_ARRIVALS = Dataset(
    name="push_arrivals",
    columns=(
        Column("dataset", "string", doc="what the row was pushed to"),
        Column("identity", "int64", doc="hash of the row's key"),
        Column("happened", "timestamp", doc="the row's event time"),
        Column("arrived", "timestamp", doc="reads of the online store saw it from then on"),
    ),
    event_time="arrived",
    owner="towpath",
    description="When a row that was pushed to the online store and the lake was there online.",
    tags=("system",),
)

SYSTEM_DATASETS: dict[str, Dataset] = {
    one.name: one for one in (PREDICTIONS, DEAD_LETTERS, PUSH_ARRIVALS)
}
