"""A new project on a user's own file: its texts filled in and written."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from towpath.core.errors import Conflict, Invalid
from towpath.core.instant import format_instant, from_micros
from towpath.core.record import Record
from towpath.lake.infer import infer
from towpath.lake.tidy import Roles, legal_name, tidy
from towpath.project.yaml import write_record

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.lake.dataset import Dataset

TEST_SHARE = 0.2
MOST_CATEGORIES = 200
TEXTS = {
    "towpath.toml.tmpl": "towpath.toml",
    "gitignore.tmpl": ".gitignore",
    "README.md.tmpl": "README.md",
    "prepare.py.tmpl": "prepare.py",
    "features/features.py.tmpl": "features/$dataset.py",
    "models/model.py.tmpl": "models/$label.py",
    "pipelines/train.yaml.tmpl": "pipelines/train.yaml",
    "endpoints/endpoint.yaml.tmpl": "endpoints/$label.yaml",
    "monitors/monitor.yaml.tmpl": "monitors/$label.yaml",
    "tests/test_project.py.tmpl": "tests/test_project.py",
}


class Started(Record, frozen=True):
    """What was written.

    Args:
        folder: the project's folder.
        dataset: name of the dataset drafted from the file.
        label: name of the model and its endpoint.
        key: column that identifies a row.
        example: a key that is there, to try.
        features: columns the model looks at.
        left_out: text columns with too many different values to learn from.
    """

    folder: str
    dataset: str
    label: str
    key: str
    example: str
    features: tuple[str, ...]
    left_out: tuple[str, ...]


def start_project(folder: Path, source: Path, roles: Roles, *, owner: str) -> Started:
    """Write a project that predicts the label of a file's rows.

    Args:
        folder: where to write it; it must not exist, or be empty.
        source: the user's CSV or Parquet file, which is copied.
        roles: what its columns are for; the label is required.
        owner: who answers for the project.

    Raises:
        Conflict: the folder holds something already; nothing is written.
        Invalid: no label, or no column to learn from.
        Contract: the file does not fit the roles; nothing is left behind.
    """
    if not roles.label:
        raise Invalid("No column to predict is named.", hint="Name one: --label COLUMN")
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"The folder {folder} is not empty.", hint="Choose another name.")
    existed = folder.exists()
    try:
        return _write(folder, source, roles, owner)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if existed:
            folder.mkdir()
        raise


def _write(folder: Path, source: Path, roles: Roles, owner: str) -> Started:
    """Copy the file, draft its contract and fill in the texts."""
    dataset = legal_name(source.name.split(".")[0])
    target = folder / "data" / f"{dataset}.parquet"
    tidy(source, target, roles)
    shutil.copy2(source, folder / "data" / source.name)
    at = legal_name(roles.time) if roles.time else "known_at"
    key = legal_name(roles.key) if roles.key else "row_id"
    contract = infer(target, dataset).replace(
        key=(key,), event_time=at, source=f"data/{dataset}.parquet", owner=owner
    )
    label = legal_name(roles.label)
    table = parquet.read_table(target)
    features, left_out = _features(contract, table, {key, at, label})
    places = {
        "name": legal_name(folder.name),
        "owner": owner,
        "dataset": dataset,
        "file": source.name,
        "label": label,
        "key": key,
        "at": at,
        "example": str(table.column(key)[0].as_py()),
        "columns": "".join(f'        "{name}",\n' for name in features),
        "roles": _roles(roles),
        **_split(table, at, timed=bool(roles.time)),
    }
    _fill(folder, places)
    path = folder / "datasets" / f"{dataset}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(write_record(contract), encoding="utf-8")
    return Started(str(folder), dataset, label, key, places["example"], features, left_out)


def _features(
    contract: Dataset, table: pa.Table, taken: set[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choose the columns to learn from: all but names and the like."""
    features: list[str] = []
    left_out: list[str] = []
    for column in contract.columns:
        if column.name in taken:
            continue
        values = pc.count_distinct(table.column(column.name)).as_py()
        text = column.dtype in {"string", "date"}
        wide = text and (
            column.dtype == "date" or values > min(MOST_CATEGORIES, table.num_rows / 2)
        )
        (left_out if wide else features).append(column.name)
    if not features:
        message = "The file has no column to learn from besides key, label and time."
        raise Invalid(message, hint="Give a file with more columns.")
    return tuple(features), tuple(left_out)


def _split(table: pa.Table, at: str, *, timed: bool) -> dict[str, str]:
    """Write the split: by time where there is one, else by a hash of the key."""
    if not timed:
        split = f"HashSplit(test_share={TEST_SHARE})"
        return {"split": split, "split_class": "HashSplit", "split_import": ""}
    moments = pc.quantile(
        table.column(at).cast(pa.int64()), q=1 - TEST_SHARE, interpolation="lower"
    )
    instant = from_micros(int(moments[0].as_py())).replace(microsecond=0)
    text = format_instant(instant + timedelta(seconds=1))
    return {
        "split": f'TimeSplit(train_until=datetime.fromisoformat("{text}"))',
        "split_class": "TimeSplit",
        "split_import": "from datetime import datetime\n",
    }


def _roles(roles: Roles) -> str:
    """Write the roles as arguments, a line each."""
    given = {name: getattr(roles, name) for name in roles.__struct_fields__}
    return "".join(f"    {name}={json.dumps(value)},\n" for name, value in given.items() if value)


def _fill(folder: Path, places: dict[str, str]) -> None:
    """Write every text of the template with its places filled in."""
    texts = files("towpath.template")
    for name, target in TEXTS.items():
        text = texts.joinpath(name).read_text(encoding="utf-8")
        path = folder / Template(target).substitute(places)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(text).substitute(places), encoding="utf-8")
