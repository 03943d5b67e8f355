"""Settings: one frozen record, read once from towpath.toml and TOWPATH_* variables."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import msgspec

from towpath.core.errors import Invalid, NotFound, did_you_mean
from towpath.core.name import checked_name
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE_NAME = "towpath.toml"


class Settings(Record, frozen=True):
    """What a project says about itself and where its parts are kept.

    A part is chosen by the scheme of its URL; paths are relative to the project's folder.

    Args:
        name: the project's name.
        owner: who answers for it.
        lake: tables, such as ``file:.towpath/lake``.
        catalog: metadata, such as ``sqlite:.towpath/catalog.db``.
        online: feature values by key, such as ``lmdb:.towpath/online``,
            ``redis://HOST:6379/0`` or ``cassandra://HOST,HOST:9042/KEYSPACE``.
        tracking: runs and model versions, such as ``sqlite:.towpath/mlflow.db``.
        engine: what computes features: ``embedded`` (this process), ``spark:local[2]`` (Spark on
            this machine) or ``spark://HOST:PORT`` (a cluster of it).
        spark_memory: of Spark's process here, and of each of its executors.
        artifacts: folder of model files.
        state: folder of everything else the project keeps: logs, pointers, locks.
        openlineage: where events of runs are sent to, such as ``file:lineage.jsonl`` or
            ``http://marquez:5000/api/v1/lineage``; ``none`` sends none.

    Example:
        >>> Settings("taxi").online
        'lmdb:.towpath/online'
    """

    name: str
    owner: str = "unknown"
    lake: str = "file:.towpath/lake"
    catalog: str = "sqlite:.towpath/catalog.db"
    online: str = "lmdb:.towpath/online"
    tracking: str = "sqlite:.towpath/mlflow.db"
    engine: str = "embedded"
    spark_memory: str = "2g"
    artifacts: str = ".towpath/artifacts"
    state: str = ".towpath/state"
    openlineage: str = "none"

    def __post_init__(self) -> None:
        """Refuse a project name that could not be registered."""
        checked_name(self.name, "project")


def find_root(start: Path) -> Path:
    """Find the folder at or above ``start`` that holds towpath.toml.

    Raises:
        NotFound: there is none.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE_NAME).is_file():
            return folder
    message = f"There is no {FILE_NAME} in {start} or above it."
    raise NotFound(message, hint="Go to a project's folder, or start one: towpath init NAME")


def read_settings(root: Path, environ: Mapping[str, str]) -> Settings:
    """Read towpath.toml and let TOWPATH_LAKE, TOWPATH_ONLINE and so on override it.

    Raises:
        Invalid: the file is not TOML, or holds an unknown or ill-typed setting.
    """
    path = root / FILE_NAME
    try:
        given: dict[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{FILE_NAME} is not valid TOML: {error}."
        raise Invalid(message, where=str(path), hint="Mend the file.") from error
    allowed = Settings.__struct_fields__
    for name in given:
        if name not in allowed:
            message = f"There is no setting {name!r}."
            raise Invalid(message, where=str(path), hint=did_you_mean(name, allowed))
    for name in allowed:
        given[name] = environ.get(f"TOWPATH_{name.upper()}", given.get(name))
    present = {name: value for name, value in given.items() if value is not None}
    try:
        return msgspec.convert(present, type=Settings)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, Invalid):
            raise Invalid(
                error.__cause__.message, where=str(path), hint=error.__cause__.hint
            ) from error
        raise Invalid(
            f"{error}.", where=str(path), hint=f"Settings: {', '.join(allowed)}."
        ) from error


def local_path(url: str, root: Path) -> Path:
    """Return the path in a URL such as ``file:.towpath/lake``, from the project's folder.

    Example:
        >>> from pathlib import Path
        >>> local_path("sqlite:.towpath/catalog.db", Path("/taxi")).as_posix()
        '/taxi/.towpath/catalog.db'
    """
    return root / url.partition(":")[2]
