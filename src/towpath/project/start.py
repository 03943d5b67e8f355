"""A new project on a user's own file: its texts filled in and written."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from towpath.core.errors import Conflict, Invalid
from towpath.core.instant import format_instant, from_micros
from towpath.core.record import Record
from towpath.lake.infer import infer
from towpath.project.tidy import KNOWN_AT, ROW_ID, Roles, legal_name, tidy
from towpath.project.yaml import write_record

if TYPE_CHECKING:
    from collections.abc import Iterator
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
        left_out: columns without values, and text with too many different ones to learn from.
        positive: share of the rows whose label is true.
    """

    folder: str
    dataset: str
    label: str
    key: str
    example: str
    features: tuple[str, ...]
    left_out: tuple[str, ...]
    positive: float


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """Hold a folder that a project is being written to; what fails inside leaves it as it was.

    Raises:
        Conflict: the folder holds something already, or a file is in its place.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as aside:
        ...     with new_folder(Path(aside) / "shop"):
        ...         (Path(aside) / "shop").mkdir()
        ...     [one.name for one in Path(aside).iterdir()]
        ['shop']
    """
    place = folder.resolve()
    existing = next(one for one in (place, *place.parents) if one.exists())
    if not existing.is_dir():
        raise Conflict(f"{existing} is a file.", hint="Choose another name.")
    if existing == place and any(place.iterdir()):
        raise Conflict(f"The folder {folder} is not empty.", hint="Choose another name.")
    try:
        yield
    except BaseException:
        _remove(place, existing)
        raise


def _remove(place: Path, existing: Path) -> None:
    """Remove what is in a folder, and the folders down to one that was there before."""
    for left in place.iterdir() if place.is_dir() else ():
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink()
    for one in (place, *place.parents):
        if one == existing:
            break
        with suppress(OSError):
            one.rmdir()


def start_project(folder: Path, source: Path, roles: Roles, *, owner: str) -> Started:
    """Write a project that predicts the label of a file's rows.

    The file is copied, a contract drafted and the texts of the template filled in.

    Args:
        folder: where to write it, best held by :func:`new_folder`.
        source: the user's CSV or Parquet file.
        roles: what its columns are for; the label is required.
        owner: who answers for the project.

    Raises:
        Invalid: no label, or no column to learn from.
        Contract: the file does not fit the roles.
    """
    if not roles.label:
        raise Invalid("No column to predict is named.", hint="Name one: --label COLUMN")
    dataset = legal_name(source.name.split(".")[0])
    target = folder / "data" / f"{dataset}.parquet"
    tidied = tidy(source, target, roles)
    original = folder / "data" / "source" / source.name
    original.parent.mkdir()
    shutil.copy2(source, original)
    at = legal_name(roles.time) if roles.time else KNOWN_AT
    key = legal_name(roles.key) if roles.key else ROW_ID
    contract = infer(target, dataset).replace(
        key=(key,), event_time=at, source=f"data/{dataset}.parquet", owner=owner
    )
    path = folder / "datasets" / f"{dataset}.yaml"
    path.parent.mkdir()
    path.write_text(write_record(contract), encoding="utf-8")
    label = legal_name(roles.label)
    table = parquet.read_table(target)
    features, left_out = _features(contract, table, {key, at, label})
    example = str(table.column(key)[0].as_py())
    share = cast("float", tidied["positive_share"])
    started = Started(str(folder), dataset, label, key, example, features, left_out, share)
    texts = {
        "name": legal_name(folder.resolve().name),
        "owner": json.dumps(owner, ensure_ascii=False),
        "file": repr(source.name),
        "at": at,
        "roles": _roles(roles),
        **_split(table, at, timed=bool(roles.time)),
    }
    _fill(folder, started, texts)
    return started


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
        (left_out if wide or not values else features).append(column.name)
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
    return "".join(f"    {name}={value!r},\n" for name, value in given.items() if value)


def _fill(folder: Path, started: Started, texts: dict[str, str]) -> None:
    """Write every text of the template with its places filled in."""
    shown = ("dataset", "label", "key", "example")
    places = texts | {name: getattr(started, name) for name in shown}
    places["columns"] = "".join(f'        "{name}",\n' for name in started.features)
    template = files("towpath.template")
    for name, target in TEXTS.items():
        text = template.joinpath(name).read_text(encoding="utf-8")
        path = folder / Template(target).substitute(places)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(text).substitute(places), encoding="utf-8")
